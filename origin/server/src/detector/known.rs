use std::collections::HashMap;

/// Files by their SHA-256, each with why it is unsafe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownFiles(HashMap<[u8; 32], String>);

/// A line of a list cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("line {0} is not 64 hexadecimal digits, a space and a reason")]
pub struct InvalidList(usize);

impl KnownFiles {
    /// Reads a list: a SHA-256 in hexadecimal digits, space, and a reason on each line, as `sha256sum` prints files and
    /// their names; empty lines and those that begin with `#` are passed over. Of two lines for one file the last counts.
    pub fn parse(text: &str) -> Result<Self, InvalidList> {
        let lines = text.lines().map(str::trim).enumerate();
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| entry(line).ok_or(InvalidList(number + 1)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Why the file with that SHA-256 is unsafe; `None` if nobody said so.
    pub fn reason(&self, sha256: &[u8; 32]) -> Option<&str> {
        self.0.get(sha256).map(String::as_str)
    }
}

fn entry(line: &str) -> Option<([u8; 32], String)> {
    let (digits, reason) = line.split_once([' ', '\t'])?;
    let mut sha256 = [0; 32];
    hex::decode_to_slice(digits, &mut sha256).ok()?;
    let reason = reason.trim_start();
    (!reason.is_empty()).then(|| (sha256, reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let (one, two) = ("ab".repeat(32), "CD".repeat(32));
        let text = format!("# known\n\n{one}  a_picture.jpg\n  {two} too red\n{one} worse\n");
        let known = KnownFiles::parse(&text).expect("is a list");
        assert_eq!(known.len(), 2);
        assert_eq!(known.reason(&[0xab; 32]), Some("worse"));
        assert_eq!(known.reason(&[0xcd; 32]), Some("too red"));
        assert_eq!(known.reason(&[0; 32]), None);
        assert!(KnownFiles::parse("").expect("is empty").is_empty());
    }

    #[test]
    fn a_mistake_is_told_by_its_line() {
        let good = "ab".repeat(32);
        for bad in ["abc reason", &good, &format!("{good}ab reason"), "x reason"] {
            let text = format!("{good} reason\n{bad}\n");
            let error = KnownFiles::parse(&text).expect_err(bad);
            assert!(error.to_string().starts_with("line 2 "), "{error}");
        }
    }
}
