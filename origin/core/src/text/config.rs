//! A policy's file.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;

use super::TextPolicy;
use super::rule::{Rule, Test};

/// More rules than anybody reads; bounds the work that one text can cause.
const MOST_RULES: usize = 200;
const DEFAULT_WINDOW: Duration = Duration::from_hours(24);
const LONGEST_WINDOW: Duration = Duration::from_hours(30 * 24);

/// Why a policy cannot be used; the message is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or not in the shape of a policy.
    #[error("the text policy cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A rule that makes no sense.
    #[error("rule {rule:?} of the text policy {problem}")]
    Rule {
        /// Its name.
        rule: String,
        /// What is wrong, as the end of a sentence.
        problem: String,
    },
    /// More rules than allowed.
    #[error("the text policy has more than {MOST_RULES} rules")]
    TooManyRules,
    /// Not a duration, or too long a one.
    #[error(
        "duplicate_window of the text policy is {0:?}; it must be like \"24h\" and at most 30d"
    )]
    Window(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    duplicate_window: Option<String>,
    #[serde(default)]
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    name: String,
    reason: String,
    phrases: Option<Vec<String>>,
    max_links: Option<usize>,
    max_mentions: Option<usize>,
    max_repeated_characters: Option<usize>,
}

pub(super) fn parse(text: &str) -> Result<TextPolicy, PolicyError> {
    let file: File = toml::from_str(text)?;
    if file.rule.len() > MOST_RULES {
        return Err(PolicyError::TooManyRules);
    }
    let mut names = HashSet::new();
    let mut rules = Vec::with_capacity(file.rule.len());
    for raw in file.rule {
        if !names.insert(raw.name.clone()) {
            return Err(wrong(&raw.name, "is there twice"));
        }
        rules.push(rule(raw)?);
    }
    let duplicate_window = match file.duplicate_window {
        Some(text) => window(&text).ok_or(PolicyError::Window(text))?,
        None => DEFAULT_WINDOW,
    };
    Ok(TextPolicy {
        duplicate_window,
        rules,
    })
}

fn rule(raw: RawRule) -> Result<Rule, PolicyError> {
    let named = !raw.name.is_empty()
        && raw.name.len() <= 64
        && raw
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !named {
        return Err(wrong(
            &raw.name,
            "must have a name of lower-case letters, digits and hyphens",
        ));
    }
    if raw.reason.trim().is_empty() {
        return Err(wrong(&raw.name, "must say a reason"));
    }
    let test = test(&raw).map_err(|problem| wrong(&raw.name, &problem))?;
    Ok(Rule {
        name: raw.name,
        reason: raw.reason,
        test,
    })
}

fn test(raw: &RawRule) -> Result<Test, String> {
    match (
        &raw.phrases,
        raw.max_links,
        raw.max_mentions,
        raw.max_repeated_characters,
    ) {
        (Some(phrases), None, None, None) => Test::phrases(phrases),
        (None, Some(most), None, None) => Test::links(most),
        (None, None, Some(most), None) => Test::mentions(most),
        (None, None, None, Some(most)) => Ok(Test::LongerRun(most)),
        _ => Err(
            "must have exactly one of phrases, max_links, max_mentions, \
                  max_repeated_characters"
                .to_owned(),
        ),
    }
}

fn wrong(rule: &str, problem: &str) -> PolicyError {
    PolicyError::Rule {
        rule: rule.to_owned(),
        problem: problem.to_owned(),
    }
}

fn window(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let window = Duration::from_secs(number.checked_mul(seconds)?);
    (window <= LONGEST_WINDOW).then_some(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_a_number_and_a_unit() {
        assert_eq!(window("90s"), Some(Duration::from_secs(90)));
        assert_eq!(window("2h"), Some(Duration::from_hours(2)));
        assert_eq!(window("30d"), Some(LONGEST_WINDOW));
        for bad in [
            "",
            "h",
            "-1h",
            "1.5h",
            "31d",
            "5w",
            "5é",
            "99999999999999999999d",
        ] {
            assert_eq!(window(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (toml, word) in [
            ("rule = 1", "cannot be read"),
            ("surprise = 1", "surprise"),
            ("duplicate_window = 'soon'", "soon"),
            ("[[rule]]\nname = 'a'\nreason = 'x'", "exactly one"),
            (
                "[[rule]]\nname = 'a'\nreason = 'x'\nmax_links = 1\nmax_mentions = 1",
                "exactly one",
            ),
            (
                "[[rule]]\nname = 'A b'\nreason = 'x'\nmax_links = 1",
                "name of lower-case",
            ),
            (
                "[[rule]]\nname = 'a'\nreason = ' '\nmax_links = 1",
                "a reason",
            ),
            ("[[rule]]\nname = 'a'\nreason = 'x'\nphrases = ['--']", "--"),
            (
                "[[rule]]\nname = 'a'\nreason = 'x'\nphrases = []",
                "no phrases",
            ),
            (
                "[[rule]]\nname = 'a'\nreason = 'x'\nmax_links = -1",
                "cannot be read",
            ),
        ] {
            let error = parse(toml).expect_err(toml).to_string();
            assert!(error.contains(word), "{toml}: {error}");
        }
        let twice = "[[rule]]\nname = 'a'\nreason = 'x'\nmax_links = 1\n".repeat(2);
        assert!(parse(&twice).is_err());
    }
}
