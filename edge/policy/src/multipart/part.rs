//! The headers of one part.

use super::FormError;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It has a file name; and perhaps says how long it is.
    File(Option<u64>),
    /// The field `purpose`.
    Purpose,
    /// Another field.
    Other,
}

/// Reads the headers of a part, without the empty line behind them.
pub(super) fn read(head: &[u8]) -> Result<Part, FormError> {
    let mut disposition = None;
    let mut length = None;
    for line in lines(head) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = colon
            .and_then(|at| line.split_at_checked(at))
            .filter(|(name, _)| !name.is_empty() && name.iter().all(u8::is_ascii_graphic))
            .ok_or(FormError::Malformed("a part has a line that is no header."))?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-disposition") {
            if disposition.replace(value).is_some() {
                return Err(FormError::Malformed("a part has two Content-Dispositions."));
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(number(value)?).is_some() {
                return Err(FormError::Malformed("a part has two Content-Lengths."));
            }
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            as_it_is(value)?;
        }
    }
    part(disposition, length)
}

fn part(disposition: Option<&[u8]>, length: Option<u64>) -> Result<Part, FormError> {
    let missing = FormError::Malformed("a part has no Content-Disposition of form-data.");
    let disposition = disposition.ok_or(missing)?;
    let end = disposition.iter().position(|byte| *byte == b';');
    let (kind, rest) = disposition
        .split_at_checked(end.unwrap_or(disposition.len()))
        .unwrap_or_default();
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err(missing);
    }
    let (mut is_file, mut is_purpose) = (false, false);
    for (name, value) in parameters(rest.get(1..).unwrap_or_default()) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        is_file |= is(b"filename") || is(b"filename*");
        is_purpose |= is(b"name") && value == b"purpose";
    }
    Ok(match (is_file, is_purpose) {
        (true, _) => Part::File(length),
        (false, true) => Part::Purpose,
        (false, false) => Part::Other,
    })
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(head).filter(|head| !head.is_empty());
    std::iter::from_fn(move || {
        let current = rest.take()?;
        let end = memchr::memmem::find(current, b"\r\n");
        let (line, after) = current.split_at_checked(end.unwrap_or(current.len()))?;
        rest = after.get(2..);
        Some(line)
    })
}

fn number(text: &[u8]) -> Result<u64, FormError> {
    std::str::from_utf8(text)
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(FormError::Malformed(
            "a part's Content-Length is no number.",
        ))
}

/// RFC 7578 has done away with encodings; those that change nothing are let pass.
fn as_it_is(encoding: &[u8]) -> Result<(), FormError> {
    let known: [&[u8]; 4] = [b"binary", b"8bit", b"7bit", b"identity"];
    if known.iter().any(|name| encoding.eq_ignore_ascii_case(name)) {
        Ok(())
    } else {
        Err(FormError::Malformed(
            "a part has a Content-Transfer-Encoding; send its bytes as they are.",
        ))
    }
}

/// The parameters `; name=value; name="value"` of a header. In quotes a backslash stands before a quote or
/// another backslash only: browsers write those of file names as they are.
pub(super) fn parameters(text: &[u8]) -> impl Iterator<Item = (&[u8], Vec<u8>)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = rest
                .iter()
                .position(|byte| matches!(byte, b'=' | b';'))
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end)?;
            let name = name.trim_ascii();
            if after.first() != Some(&b'=') {
                rest = after.get(1..).unwrap_or_default();
                if name.is_empty() {
                    continue;
                }
                return Some((name, Vec::new()));
            }
            let (value, after) = value(after.get(1..).unwrap_or_default());
            rest = after;
            return Some((name, value));
        }
    })
}

/// A value, and what follows the semicolon behind it.
fn value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let text = text.trim_ascii_start();
    let after = |rest: &'_ [u8]| rest.iter().position(|byte| *byte == b';');
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = after(text).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or_default();
        return (
            value.trim_ascii().to_vec(),
            rest.get(1..).unwrap_or_default(),
        );
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().copied().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                let rest = quoted.get(at + 1..).unwrap_or_default();
                let end = after(rest).map_or(rest.len(), |end| end + 1);
                return (value, rest.get(end..).unwrap_or_default());
            }
            b'\\' => match bytes.next_if(|(_, next)| matches!(next, b'"' | b'\\')) {
                Some((_, next)) => value.push(next),
                None => value.push(byte),
            },
            _ => value.push(byte),
        }
    }
    (value, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_real_clients_write_is_understood() {
        for (head, part) in [
            (
                "Content-Disposition: form-data; name=\"file\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg",
                Part::File(None),
            ),
            (
                "content-disposition:form-data;name=file;filename=photo.jpg",
                Part::File(None),
            ),
            (
                "Content-Disposition: form-data; name=\"f\"; filename*=UTF-8''%e2%82%ac.png\r\nContent-Length: 12",
                Part::File(Some(12)),
            ),
            (
                "Content-Type: image/png\r\nContent-Disposition: form-data; name=\"purpose\"; filename=\"\"",
                Part::File(None),
            ),
            (
                "Content-Disposition: form-data; name=\"purpose\"",
                Part::Purpose,
            ),
            (
                "Content-Disposition: form-data; name=purpose ; x=y",
                Part::Purpose,
            ),
            (
                "Content-Disposition: form-data; name=\"a;filename=b\"\r\nContent-Transfer-Encoding: Binary",
                Part::Other,
            ),
            (
                "Content-Disposition: form-data; name=\"\\\"; filename=\\\"\"",
                Part::Other,
            ),
            ("Content-Disposition: form-data", Part::Other),
        ] {
            assert_eq!(read(head.as_bytes()), Ok(part), "{head}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for head in [
            "",
            "Content-Type: image/png",
            "Content-Disposition: attachment; filename=x",
            "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
            "Content-Disposition: form-data; name=a\r\n folded",
            "no colon",
            ": empty",
            "Content-Disposition: form-data; filename=x\r\nContent-Length: -1",
            "Content-Disposition: form-data; filename=x\r\nContent-Length: 99999999999999999999999",
            "Content-Disposition: form-data; filename=x\r\nContent-Transfer-Encoding: base64",
        ] {
            let result = read(head.as_bytes());
            assert!(
                matches!(result, Err(FormError::Malformed(_))),
                "{head}: {result:?}"
            );
        }
    }

    #[test]
    fn parameters_come_apart() {
        let read = |text: &str| -> Vec<(String, String)> {
            let own = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            parameters(text.as_bytes())
                .map(|(name, value)| (own(name), own(&value)))
                .collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read(" a=b ; c=\"d;e\" ; f"),
            [pair("a", "b"), pair("c", "d;e"), pair("f", "")]
        );
        assert_eq!(
            read("a=\"C:\\dir\\f\"; b=1"),
            [pair("a", "C:\\dir\\f"), pair("b", "1")]
        );
        assert_eq!(
            read("a=\"x\\\"y\"junk; b=2"),
            [pair("a", "x\"y"), pair("b", "2")]
        );
        assert_eq!(read("a=\"open"), [pair("a", "open")]);
        assert_eq!(read(";; ;"), []);
    }
}
