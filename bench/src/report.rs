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
