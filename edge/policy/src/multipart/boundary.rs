use memchr::memmem::Finder;

use super::FormError;
use super::part::parameters;

/// The longest boundary (RFC 2046, 5.1.1), in bytes.
const LONGEST: usize = 70;
const NOT_ALNUM: &[u8] = b"'()+_,-./:=? ";

/// What separates the parts of one form.
#[derive(Debug, Clone)]
pub struct Boundary {
    /// A line break, two hyphens, and the boundary.
    delimiter: Vec<u8>,
    finder: Finder<'static>,
}

impl Boundary {
    /// The boundary in a content type of `multipart/…`.
    pub fn of(content_type: &str) -> Result<Self, FormError> {
        let (_, rest) = content_type.split_once(';').ok_or(FormError::Boundary)?;
        let mut named = parameters(rest.as_bytes())
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"boundary"))
            .map(|(_, value)| value);
        match (named.next(), named.next()) {
            (Some(text), None) => Self::new(&text),
            _ => Err(FormError::Boundary),
        }
    }

    fn new(text: &[u8]) -> Result<Self, FormError> {
        let known = |byte: &u8| byte.is_ascii_alphanumeric() || NOT_ALNUM.contains(byte);
        let fits = (1..=LONGEST).contains(&text.len())
            && text.iter().all(known)
            && text.last() != Some(&b' ');
        if !fits {
            return Err(FormError::Boundary);
        }
        let delimiter = [b"\r\n--", text].concat();
        let finder = Finder::new(&delimiter).into_owned();
        Ok(Self { delimiter, finder })
    }

    /// With the line break before it.
    pub(super) fn delimiter(&self) -> &[u8] {
        &self.delimiter
    }

    /// What follows the last part.
    pub(super) fn closing(&self) -> Vec<u8> {
        [self.delimiter.as_slice(), b"--\r\n"].concat()
    }

    /// Where the first delimiter in `bytes` begins.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        self.finder.find(bytes)
    }
}
