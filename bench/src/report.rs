//! Tables, as they are pasted into `docs/benchmarks.md`.

/// Prints rows under a head, aligned, with bars as Markdown wants them.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().map(|row| cell(row, column).chars().count());
            cells
                .chain([cell(&head, column).chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let print = |row: &[String]| {
        let cells = widths.iter().enumerate();
        let cells: Vec<String> = cells
            .map(|(column, width)| format!("{:<width$}", cell(row, column)))
            .collect();
        println!("| {} |", cells.join(" | "));
    };
    print(&head);
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    print(&rule);
    for row in rows {
        print(row);
    }
}

/// A number of three figures or so.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The median of some figures, the least and the largest; zeros of none.
pub(crate) fn spread(figures: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or_default();
    let last = figures.len().saturating_sub(1);
    (at(figures.len() / 2), at(0), at(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_spread() {
        let all = |figures: &[f64]| spread(figures.iter().copied());
        assert!(all(&[3.0, 1.0, 20.0]) == (3.0, 1.0, 20.0));
        assert!(all(&[2.5]) == (2.5, 2.5, 2.5));
        assert!(all(&[]) == (0.0, 0.0, 0.0));
    }
}
