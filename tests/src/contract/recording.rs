//! Exchanges between edge and origin as they are kept in the repository, and how they are compared.
//!
//! What changes from run to run stands as a name in angle brackets: `<id-1>` is a value that an answer told
//! and that is used again, `<time>`, `<number>` and `<text>` are anything of that kind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluicegate_contract::time::Timestamp;

/// Any number, in the middle of a text too.
const NUMBER: &str = "<number>";

/// One thing that a client asks of the edge, and what the edge asks of the origin for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// What is asked, in words.
    pub name: String,
    /// Between client and edge.
    pub client: Exchange,
    /// Between edge and origin, in order.
    pub origin: Vec<Exchange>,
    /// The name of the fixture that the client then sends to the store itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
}

/// A request and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exchange {
    /// What was asked.
    pub request: Request,
    /// What was answered.
    pub answer: Answer,
}

/// A request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// In upper case.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Those that matter.
    pub headers: BTreeMap<String, String>,
    /// JSON, if there is any.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub json: Value,
    /// The name of the fixture that is the body, or the file in it where that is a form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Those that matter.
    pub headers: BTreeMap<String, String>,
    /// JSON, if there is any; of a stream of events what each of them says.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub json: Value,
}

/// The values of names.
#[derive(Debug, Clone, Default)]
pub struct Names(pub BTreeMap<String, String>);

impl Names {
    /// A recorded text with values in place of names that are known.
    pub fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("<{name}>"), value)
        })
    }

    /// The same for all texts of a JSON value.
    pub fn fill_json(&self, json: &Value) -> Value {
        match json {
            Value::String(text) => match (whole_name(text), self.fill(text)) {
                (Some("number"), number) => number.parse::<u64>().map_or(Value::Null, Value::from),
                (_, filled) => Value::String(filled),
            },
            Value::Array(items) => items.iter().map(|item| self.fill_json(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), self.fill_json(value)))
                .collect(),
            other => other.clone(),
        }
    }

    /// Whether `found` has all that `recorded` has; more is no fault. Learns the values of new names.
    /// The error says where they differ.
    pub fn fits(&mut self, recorded: &Value, found: &Value) -> Result<(), String> {
        self.compare("", recorded, found)
    }

    fn compare(&mut self, at: &str, recorded: &Value, found: &Value) -> Result<(), String> {
        let differ = || Err(format!("{at}: recorded {recorded}, found {found}"));
        match (recorded, found) {
            (Value::Object(recorded), Value::Object(found)) => {
                for (name, value) in recorded {
                    let at = format!("{at}/{name}");
                    let found = found
                        .get(name)
                        .ok_or_else(|| format!("{at} is not there"))?;
                    self.compare(&at, value, found)?;
                }
                Ok(())
            }
            (Value::Array(recorded), Value::Array(items)) if recorded.len() == items.len() => {
                let pairs = recorded.iter().zip(items).enumerate();
                for (index, (recorded, found)) in pairs {
                    self.compare(&format!("{at}/{index}"), recorded, found)?;
                }
                Ok(())
            }
            (Value::String(text), Value::Number(_)) if whole_name(text) == Some("number") => Ok(()),
            (Value::String(text), Value::String(_)) if whole_name(text) == Some("number") => {
                differ()
            }
            (Value::String(text), Value::String(found)) if self.fits_text(text, found) => Ok(()),
            (Value::String(_), _) => differ(),
            (recorded, found) if recorded == found => Ok(()),
            _ => differ(),
        }
    }

    /// The same for a text.
    pub fn fits_text(&mut self, recorded: &str, found: &str) -> bool {
        match whole_name(recorded) {
            Some("text") => true,
            Some("number") => found.parse::<u64>().is_ok(),
            Some("time") => serde_json::from_value::<Timestamp>(found.into()).is_ok(),
            Some(name) => {
                let known = self
                    .0
                    .entry(name.to_owned())
                    .or_insert_with(|| found.to_owned());
                known == found
            }
            None => {
                let filled = self.fill(recorded);
                if filled.contains(NUMBER) {
                    return fits_numbers(&filled, found);
                }
                match last_name(&filled) {
                    Some((head, name)) => match found.strip_prefix(head) {
                        Some(value) => {
                            self.0.insert(name.to_owned(), value.to_owned());
                            true
                        }
                        None => false,
                    },
                    None => filled == found,
                }
            }
        }
    }
}

/// Whether the texts are the same but for the numbers that the recorded one leaves open.
fn fits_numbers(recorded: &str, found: &str) -> bool {
    let mut parts = recorded.split(NUMBER);
    let Some(mut rest) = parts
        .next()
        .and_then(|begins_with| found.strip_prefix(begins_with))
    else {
        return false;
    };
    for part in parts {
        let after = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        match after.strip_prefix(part) {
            Some(left) if after.len() < rest.len() => rest = left,
            _ => return false,
        }
    }
    rest.is_empty()
}

/// What stands before a name at the end of the text, and the name.
fn last_name(text: &str) -> Option<(&str, &str)> {
    let (head, name) = text.strip_suffix('>')?.rsplit_once('<')?;
    Some((head, name))
}

/// The name if the text is one name and nothing else.
pub fn whole_name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('<')?.strip_suffix('>')?;
    (!name.contains(['<', '>'])).then_some(name)
}

/// The recordings of a version in their order, by the name of their file.
pub fn load(folder: &Path) -> std::io::Result<Vec<(String, Step)>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let step = serde_json::from_slice(&std::fs::read(path)?)?;
        let name = path.file_stem().unwrap_or_default();
        Ok((name.to_string_lossy().into_owned(), step))
    };
    files.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_is_no_fault_and_less_is_one() {
        let mut names = Names::default();
        let recorded =
            json!({"id": "<id-1>", "url": "/media/<id-1>.webp", "n": "<number>", "at": "<time>"});
        let at = "2026-11-24T17:12:09.000Z";
        let found = json!({"id": "a", "url": "/media/a.webp", "n": 7, "at": at, "new": []});
        names.fits(&recorded, &found).unwrap();
        assert_eq!(names.fill("/v1/uploads/<id-1>"), "/v1/uploads/a");
        for (member, value) in [
            ("id", json!("b")),
            ("url", json!("/media/b.webp")),
            ("n", json!("7")),
            ("at", json!("yesterday")),
            ("at", json!(null)),
        ] {
            let mut changed = found.clone();
            changed[member] = value;
            let error = names.fits(&recorded, &changed).unwrap_err();
            assert!(error.starts_with(&format!("/{member}")), "{error}");
        }
        let error = names.fits(&recorded, &json!({"id": "a"})).unwrap_err();
        assert!(error.ends_with("is not there"), "{error}");
    }

    #[test]
    fn a_name_at_the_end_of_a_text_is_learned() {
        let mut names = Names::default();
        let recorded = "/media/x.webp?preview=<preview-1>";
        assert!(!names.fits_text(recorded, "/media/y.webp?preview=a.b"));
        assert!(names.fits_text(recorded, "/media/x.webp?preview=a.b"));
        assert!(!names.fits_text(recorded, "/media/x.webp?preview=c"));
        assert_eq!(names.fill("?preview=<preview-1>"), "?preview=a.b");
    }

    #[test]
    fn numbers_in_a_text_are_any() {
        let mut names = Names::default();
        let recorded = r#""open-tickets";r=0;t=<number>, "bytes-a-day";r=9"#;
        let with = |t| format!(r#""open-tickets";r=0;t={t}, "bytes-a-day";r=9"#);
        assert!(names.fits_text(recorded, &with("1500")));
        assert!(!names.fits_text(recorded, &with("")));
        assert!(!names.fits_text(recorded, &with("soon")));
        assert!(!names.fits_text(recorded, &with("5").replace("r=9", "r=8")));
        assert!(!names.fits_text(recorded, &with("5").replace("r=9", "r=99")));
        assert!(!names.fits_text(recorded, &with("5").replace("r=0", "r=1")));
        assert!(names.0.is_empty(), "no number is learned");
    }

    #[test]
    fn names_are_filled_in() {
        let names = Names(BTreeMap::from([
            ("number".to_owned(), "4".to_owned()),
            ("id-1".to_owned(), "a".to_owned()),
        ]));
        let filled = names.fill_json(&json!({"length": "<number>", "ids": ["<id-1>", "x<id-1>"]}));
        assert_eq!(filled, json!({"length": 4, "ids": ["a", "xa"]}));
    }
}
