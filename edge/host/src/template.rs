//! `http://{{ upstream }}`: text with variables in it.

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((literal, tail)) = rest.split_once("{{") {
            let (name, tail) = tail
                .split_once("}}")
                .ok_or_else(|| format!("{source:?} has '{{{{' without '}}}}'"))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let name = name.trim();
            if !is_variable_name(name) {
                return Err(format!("{source:?}: {name:?} is not a variable's name"));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self {
            source: source.to_owned(),
            parts,
        })
    }

    /// As it was written: safe to log, unlike what it renders to.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text with its variables filled in; the error is the name of one that `lookup` lacks.
    pub fn render<'a>(
        &'a self,
        lookup: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<String, &'a str> {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Literal(literal) => literal,
                Part::Variable(name) => lookup(name).ok_or(name.as_str())?,
            });
        }
        Ok(text)
    }
}

/// Spin's rule: lower-case letters, digits and single underscores between them; a letter first.
pub fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('_')
        && !name.contains("__")
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str) -> Result<String, String> {
        let template = Template::parse(source)?;
        template
            .render(|name| (name == "up").then_some("127.0.0.1:80"))
            .map_err(str::to_owned)
    }

    #[test]
    fn fills_in_variables() {
        assert_eq!(render("plain").unwrap(), "plain");
        assert_eq!(render("http://{{ up }}").unwrap(), "http://127.0.0.1:80");
        assert_eq!(
            render("{{up}}-{{ up }}").unwrap(),
            "127.0.0.1:80-127.0.0.1:80"
        );
        assert_eq!(render("a}}b{").unwrap(), "a}}b{");
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(render("{{ other }}").unwrap_err(), "other");
        assert!(render("http://{{ up").unwrap_err().contains("without"));
        assert!(render("{{ }}").unwrap_err().contains("not a variable"));
    }

    #[test]
    fn names_follow_spin() {
        for good in ["a", "a1", "a_b", "api_key2"] {
            assert!(is_variable_name(good), "{good}");
        }
        for bad in ["", "A", "1a", "_a", "a_", "a__b", "a-b", "ä"] {
            assert!(!is_variable_name(bad), "{bad}");
        }
    }
}
