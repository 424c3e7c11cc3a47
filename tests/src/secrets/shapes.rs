//! Secrets that are known by their shape, whoever was given them. Tests of other crates look for them too.

/// A token in a header is longer than any word after `Bearer` that is none.
const BEARER: usize = 20;
/// Head and payload of the smallest token.
const JWT_PART: usize = 10;
/// What is shorter may be in a log for another reason.
pub const SHORTEST: usize = 12;

/// What a line has that no line may have.
pub fn find(line: &str) -> Option<&'static str> {
    let small = line.to_ascii_lowercase();
    if small.contains("x-amz-signature=") {
        return Some("a presigned URL");
    }
    if after(&small, "bearer ", |c| is_of_word(c) || "._~+/=".contains(c)) >= BEARER {
        return Some("a bearer token");
    }
    if after(&small, "preview=", is_of_word) >= SHORTEST {
        return Some("the token of a preview");
    }
    if line.split(|c| c != '.' && !is_of_word(c)).any(is_jwt) {
        return Some("a signed token");
    }
    None
}

/// How long the longest run of such characters after `mark` is.
fn after(line: &str, mark: &str, fits: impl Fn(char) -> bool) -> usize {
    let rests = line.match_indices(mark).map(|(at, _)| at + mark.len());
    rests
        .filter_map(|at| line.get(at..))
        .map(|rest| rest.chars().take_while(|c| fits(*c)).count())
        .max()
        .unwrap_or_default()
}

/// Two objects of JSON in base64, and perhaps a signature.
pub fn is_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let [head, payload] = [parts.next(), parts.next()].map(Option::unwrap_or_default);
    let is_object = |part: &str| {
        let part = part.trim_start_matches(|c: char| !c.is_alphanumeric());
        part.starts_with("eyJ") && part.len() >= JWT_PART
    };
    is_object(head) && is_object(payload) && parts.next().is_some()
}

/// Whether words of secrets are made of it.
pub fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}
