use std::fmt::Write;

/// Rows in columns as wide as their widest cell; the last one is as wide as it likes.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    line(&mut text, &widths, &head);
    line(&mut text, &widths, &widths.map(|width| "-".repeat(width)));
    for row in rows {
        line(&mut text, &widths, row);
    }
    text
}

fn line<S: AsRef<str>>(text: &mut String, widths: &[usize], cells: &[S]) {
    let mut padded = String::new();
    for (width, cell) in widths.iter().zip(cells) {
        // Writing to a `String` cannot fail.
        let _ = write!(padded, "{:width$}  ", cell.as_ref());
    }
    text.push_str(padded.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_stand_below_each_other() {
        let rows = [
            ["a".to_owned(), "long cell".to_owned()],
            ["bcd".to_owned(), String::new()],
        ];
        assert_eq!(
            super::table(["x", "y"], &rows),
            "x    y\n---  ---------\na    long cell\nbcd\n"
        );
    }
}
