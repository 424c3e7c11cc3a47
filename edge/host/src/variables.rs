//! The application's variables: declared in the manifest, set by `SPIN_VARIABLE_<NAME>`, and handed to
//! a component only where its own table says so.

use std::collections::BTreeMap;
use std::fmt;

use crate::template::{Template, is_variable_name};

/// What the manifest declares of a variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Used where the environment sets nothing. `None`: the variable is required.
    pub default: Option<String>,
    /// Whether its value must never be shown.
    pub secret: bool,
}

impl fmt::Debug for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Declaration")
            .field("default", &self.default.as_ref().map(|_| "(hidden)"))
            .field("secret", &self.secret)
            .finish()
    }
}

/// Values by name. `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a component does not get a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// No variable can have this name.
    InvalidName,
    /// The component's table does not have it.
    Undefined,
}

impl Variables {
    /// The application's values; the errors name every required variable that is not set.
    pub fn resolve(
        declarations: &BTreeMap<String, Declaration>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<String>> {
        let mut values = BTreeMap::new();
        let mut errors = Vec::new();
        for (name, declaration) in declarations {
            let key = format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
            match environment.get(&key).or(declaration.default.as_ref()) {
                Some(value) => {
                    values.insert(name.clone(), value.clone());
                }
                None => errors.push(format!(
                    "variables.{name} is required: set {key} in the environment"
                )),
            }
        }
        if errors.is_empty() {
            Ok(Self(values))
        } else {
            Err(errors)
        }
    }

    /// What a component gets: each of its own variables, rendered from the application's.
    /// The errors are names that the application does not have.
    pub fn grant(&self, table: &BTreeMap<String, Template>) -> Result<Self, Vec<String>> {
        let mut values = BTreeMap::new();
        let mut unknown = Vec::new();
        for (name, template) in table {
            match self.render(template) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(missing) => unknown.push(missing),
            }
        }
        if unknown.is_empty() {
            Ok(Self(values))
        } else {
            Err(unknown)
        }
    }

    /// A template with these values; the error is the name of one that is missing.
    pub fn render(&self, template: &Template) -> Result<String, String> {
        template
            .render(|name| self.0.get(name).map(String::as_str))
            .map_err(str::to_owned)
    }

    /// The value that a component asks for.
    pub fn get(&self, name: &str) -> Result<&str, Missing> {
        if !is_variable_name(name) {
            return Err(Missing::InvalidName);
        }
        self.0
            .get(name)
            .map(String::as_str)
            .ok_or(Missing::Undefined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declarations() -> BTreeMap<String, Declaration> {
        let declare = |default: Option<&str>, secret| Declaration {
            default: default.map(str::to_owned),
            secret,
        };
        BTreeMap::from([
            ("key".to_owned(), declare(None, true)),
            ("other".to_owned(), declare(None, false)),
            ("level".to_owned(), declare(Some("low"), false)),
        ])
    }

    fn environment() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("SPIN_VARIABLE_KEY".to_owned(), "hush".to_owned()),
            ("SPIN_VARIABLE_OTHER".to_owned(), String::new()),
            ("SPIN_VARIABLE_UNDECLARED".to_owned(), "x".to_owned()),
        ])
    }

    #[test]
    fn environment_goes_before_defaults() {
        let mut environment = environment();
        let values = Variables::resolve(&declarations(), &environment).unwrap();
        assert_eq!(values.get("key"), Ok("hush"));
        assert_eq!(values.get("other"), Ok(""));
        assert_eq!(values.get("level"), Ok("low"));
        assert_eq!(values.get("undeclared"), Err(Missing::Undefined));
        environment.insert("SPIN_VARIABLE_LEVEL".to_owned(), "high".to_owned());
        let values = Variables::resolve(&declarations(), &environment).unwrap();
        assert_eq!(values.get("level"), Ok("high"));
    }

    #[test]
    fn names_every_missing_variable() {
        let errors = Variables::resolve(&declarations(), &BTreeMap::new()).unwrap_err();
        assert_eq!(errors.len(), 2);
        assert!(errors[0].contains("SPIN_VARIABLE_KEY"));
        assert!(errors[1].contains("SPIN_VARIABLE_OTHER"));
    }

    #[test]
    fn a_component_gets_only_its_own_table() {
        let values = Variables::resolve(&declarations(), &environment()).unwrap();
        let table = BTreeMap::from([(
            "token".to_owned(),
            Template::parse("Bearer {{ key }}").unwrap(),
        )]);
        let granted = values.grant(&table).unwrap();
        assert_eq!(granted.get("token"), Ok("Bearer hush"));
        assert_eq!(granted.get("key"), Err(Missing::Undefined));
        assert_eq!(granted.get("Key"), Err(Missing::InvalidName));

        let table = BTreeMap::from([("a".to_owned(), Template::parse("{{ nope }}").unwrap())]);
        assert_eq!(values.grant(&table), Err(vec!["nope".to_owned()]));
    }

    #[test]
    fn debug_shows_no_values() {
        let values = Variables::resolve(&declarations(), &environment()).unwrap();
        let shown = format!("{values:?} {:?}", declarations());
        assert!(shown.contains("key"));
        assert!(!shown.contains("hush") && !shown.contains("low"));
    }
}
