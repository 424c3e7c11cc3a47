//! Stage 1 of the check of a post: rules and duplicates, without a model.
//!
//! [`TextPolicy`] is what an operator writes down, [`stage_one`] is what request and job both run. Judging what a
//! text means is not its job: that is stage 2, [`TextModel`](crate::ports::TextModel).

mod config;
mod rule;
mod stage_one;

use std::time::Duration;

use sluicegate_contract::time::Timestamp;

pub use config::PolicyError;
use rule::Rule;
pub use stage_one::{StageOneHit, stage_one};

/// The policy that is used where none is configured; commented, to be copied.
pub const DEFAULT_POLICY: &str = include_str!("../../policies/default.toml");

/// What a text may not hold.
#[derive(Debug, Clone)]
pub struct TextPolicy {
    /// For how long an author's own earlier post with the same text makes a new one a duplicate.
    /// Zero: duplicates are not looked for.
    pub duplicate_window: Duration,
    rules: Vec<Rule>,
}

/// The rule that refused a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHit {
    /// Its name in the policy: a stable word.
    pub rule: String,
    /// Why, as a sentence for the author.
    pub reason: String,
}

impl TextPolicy {
    /// Reads a policy. The syntax is explained in [`DEFAULT_POLICY`].
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        config::parse(text)
    }

    /// The policy that is compiled in. Fails only if that file is wrong, which a test excludes.
    pub fn embedded() -> Result<Self, PolicyError> {
        Self::from_toml(DEFAULT_POLICY)
    }

    /// Posts written from then on can make one of `at` a duplicate; `None` if duplicates are not looked for.
    pub fn duplicates_since(&self, at: Timestamp) -> Option<Timestamp> {
        let window = i64::try_from(self.duplicate_window.as_millis())
            .ok()
            .filter(|ms| *ms > 0)?;
        Timestamp::from_unix_ms(at.unix_ms().saturating_sub(window))
    }

    /// The first rule that refuses the text. Time grows linearly with the text, whatever it holds.
    pub fn check(&self, body: &str) -> Option<RuleHit> {
        self.rules
            .iter()
            .find(|rule| rule.refuses(body))
            .map(Rule::hit)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::text::rule::Test;

    fn policy(rules: &str) -> TextPolicy {
        TextPolicy::from_toml(rules).expect("a policy")
    }

    fn default_hit(body: &str) -> Option<String> {
        TextPolicy::embedded()
            .expect("the default")
            .check(body)
            .map(|hit| hit.rule)
    }

    #[test]
    fn the_default_lets_harmless_texts_pass() {
        for body in [
            "I live in Scunthorpe, and my cocktail class is in Penistone.",
            "Essex, Sussex, Middlesex: assess the analysis of the assassin's grass.",
            "The kyson method; kysely is a query builder. Tomáš Kyšlinger says hi.",
            "Does anybody know how to buy followers' trust? Slowly.",
            "Mail me: ada@example.org or see https://example.org/@ada and www.example.org.",
            "Aaaaaaaaaaah! -------------------------------------------------------------------",
            "Мой друг живёт в Страхове. 私は東京に住んでいます。 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉",
            "Kill the lights yourself, please. A killer whale, twenty killjoys.",
        ] {
            assert_eq!(default_hit(body), None, "{body}");
        }
    }

    #[test]
    fn the_default_refuses_what_it_names() {
        assert_eq!(
            default_hit("BUY  cheap\nFollowers!!"),
            Some("spam-offers".into())
        );
        assert_eq!(default_hit("kys"), Some("incitement".into()));
        assert_eq!(
            default_hit(&"https://a.example ".repeat(11)),
            Some("link-flood".into())
        );
        assert_eq!(
            default_hit(&"@ada ".repeat(21)),
            Some("mention-flood".into())
        );
        assert_eq!(
            default_hit(&"!".repeat(201)),
            Some("repeated-characters".into())
        );
    }

    #[test]
    fn the_first_rule_is_told_with_its_reason() {
        let policy = policy(
            "[[rule]]\nname = 'a'\nreason = 'A.'\nphrases = ['x']\n\
             [[rule]]\nname = 'b'\nreason = 'B.'\nphrases = ['x', 'y']\n",
        );
        let hit = |rule: &str, reason: &str| {
            Some(RuleHit {
                rule: rule.into(),
                reason: reason.into(),
            })
        };
        assert_eq!(policy.check("y x"), hit("a", "A."));
        assert_eq!(policy.check("y"), hit("b", "B."));
        assert_eq!(policy.duplicate_window, Duration::from_hours(24));
    }

    #[test]
    fn time_grows_linearly() {
        let policy = TextPolicy::embedded().expect("the default");
        // What makes backtracking engines, and scanners that restart, quadratic.
        for unit in [
            "buy cheap ",
            "@",
            "https://",
            "double your ",
            "a\u{301}",
            "www.",
        ] {
            let body = unit.repeat(200_000 / unit.len());
            let begun = Instant::now();
            policy.check(&body);
            let taken = begun.elapsed();
            assert!(taken < Duration::from_secs(5), "{unit:?} took {taken:?}");
        }
    }

    #[test]
    fn no_text_panics() {
        let policy = TextPolicy::embedded().expect("the default");
        proptest!(|(body in any::<String>())| { let _ = policy.check(&body); });
    }

    #[test]
    fn a_phrase_is_found_between_boundaries_and_nowhere_else() {
        let policy = policy("[[rule]]\nname = 'w'\nreason = 'W.'\nphrases = ['Wort']");
        proptest!(|(before in "[a-z0-9]{0,3}", gap in "[ .,!\n-]{0,3}", after in "[a-zé]{0,2}")| {
            let body = format!("{before}{gap}wORT{after}");
            let bounded = (before.is_empty() || !gap.is_empty()) && after.is_empty();
            prop_assert_eq!(policy.check(&body).is_some(), bounded, "{}", body);
        });
    }

    proptest! {
        // Few: compiling phrases takes long without optimisation.
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_policy_panics(toml in any::<String>(), phrase in any::<String>()) {
            let _ = TextPolicy::from_toml(&toml);
            let _ = Test::phrases(&[phrase]);
        }
    }
}
