//! One rule, and how it looks at a text.

use regex::Regex;

use super::RuleHit;

/// Letters, marks and digits of any script: what words are made of.
const WORD: &str = r"\p{Alphabetic}\p{M}\p{N}";
/// `https://www.a.example` is one link; so the second form is taken with the first.
const LINK: &str = r"(?i)https?://(?:www\.)?|\bwww\.";

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) test: Test,
}

#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Refuses what matches.
    Holds(Regex),
    /// Refuses more matches than that.
    More(Regex, usize),
    /// Refuses longer runs of one character.
    LongerRun(usize),
}

impl Rule {
    pub(super) fn refuses(&self, body: &str) -> bool {
        match &self.test {
            Test::Holds(regex) => regex.is_match(body),
            // `nth` stops at the first that is too many. A match is a few characters long, so that
            // looking for the next one never reads the text twice.
            Test::More(regex, most) => regex.find_iter(body).nth(*most).is_some(),
            Test::LongerRun(most) => longest_run(body) > *most,
        }
    }

    pub(super) fn hit(&self) -> RuleHit {
        RuleHit {
            rule: self.name.clone(),
            reason: self.reason.clone(),
        }
    }
}

impl Test {
    /// Any of these phrases as whole words. The error is the end of a sentence.
    pub(super) fn phrases(phrases: &[String]) -> Result<Self, String> {
        if phrases.is_empty() {
            return Err("has no phrases".to_owned());
        }
        let word = compile(&format!("[{WORD}]+"))?;
        let mut patterns = Vec::with_capacity(phrases.len());
        for phrase in phrases {
            patterns
                .push(pattern(&word, phrase).ok_or_else(|| format!("has no word in {phrase:?}"))?);
        }
        let any = patterns.join("|");
        compile(&format!("(?i)(?:^|[^{WORD}])(?:{any})(?:$|[^{WORD}])")).map(Self::Holds)
    }

    pub(super) fn links(most: usize) -> Result<Self, String> {
        Ok(Self::More(compile(LINK)?, most))
    }

    /// `@name`, but neither mail addresses nor parts of links.
    pub(super) fn mentions(most: usize) -> Result<Self, String> {
        Ok(Self::More(
            compile(&format!("(?:^|[^{WORD}_./@])@[{WORD}_]"))?,
            most,
        ))
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("cannot be compiled: {error}"))
}

/// The words of a phrase with anything but words between them; `None` if it has none.
fn pattern(word: &Regex, phrase: &str) -> Option<String> {
    let words: Vec<_> = word
        .find_iter(phrase)
        .map(|word| regex::escape(word.as_str()))
        .collect();
    (!words.is_empty()).then(|| words.join(&format!("[^{WORD}]+")))
}

fn longest_run(body: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    let mut last = None;
    for c in body.chars() {
        run = if last == Some(c) { run + 1 } else { 1 };
        last = Some(c);
        if !c.is_whitespace() {
            longest = longest.max(run);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(test: Result<Test, String>, body: &str) -> bool {
        let rule = Rule {
            name: "t".into(),
            reason: "T.".into(),
            test: test.expect("a test"),
        };
        rule.refuses(body)
    }

    #[test]
    fn phrases_are_whole_words_of_any_script() {
        let bad = |body| refuses(Test::phrases(&["Ärger gut".into(), "c++".into()]), body);
        for body in [
            "ärger gut",
            "(ÄRGER -- GUT)",
            "viel Ärger\r\ngut!",
            "C",
            "c#",
            "_c_",
        ] {
            assert!(bad(body), "{body}");
        }
        for body in [
            "ärgergut",
            "verärger gut",
            "ärger gute",
            "c\u{327}",
            "arger gut",
            "cc",
            "",
        ] {
            assert!(!bad(body), "{body}");
        }
    }

    #[test]
    fn links_are_counted_once() {
        let body = "see https://www.a.example,HTTP://b.example www.c.example awww.so sweet";
        assert!(!refuses(Test::links(3), body));
        assert!(refuses(Test::links(2), body));
    }

    #[test]
    fn mentions_are_neither_mail_nor_links() {
        let body = "@ada,@Bob_1 (@ćić) me@example.org https://x.example/@eve @ @@";
        assert!(!refuses(Test::mentions(3), body));
        assert!(refuses(Test::mentions(2), body));
        assert!(refuses(Test::mentions(0), "@ada"));
    }

    #[test]
    fn runs_are_of_one_character_and_not_of_space() {
        assert_eq!(longest_run(""), 0);
        assert_eq!(longest_run("abbbc"), 3);
        assert_eq!(longest_run("a          b"), 1);
        assert_eq!(longest_run("ééééé"), 5);
    }
}
