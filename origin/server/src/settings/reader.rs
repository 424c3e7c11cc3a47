use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue, Uri};

use super::MetricsListen;
use super::secret::{Secret, without_password};

/// What `doctor` shows of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The variable.
    pub name: &'static str,
    /// Its value in force, secrets hidden; empty if there is none.
    pub value: String,
    /// Its default; empty if there is none.
    pub default: &'static str,
    /// Whether the environment gave it.
    pub given: bool,
}

/// One setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSetting {
    /// The variable.
    pub name: &'static str,
    /// What it must be, as the end of a sentence.
    pub rule: String,
}

/// All settings that are wrong, so that nobody has to find them one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSettings(pub Vec<WrongSetting>);

impl std::error::Error for WrongSettings {}

impl fmt::Display for WrongSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("one setting is wrong:")?,
            n => write!(f, "{n} settings are wrong:")?,
        }
        for wrong in &self.0 {
            write!(f, "\n  {} {}", wrong.name, wrong.rule)?;
        }
        Ok(())
    }
}

/// How a value may be shown.
#[derive(Clone, Copy)]
enum Shows {
    Plain,
    Url,
    Urls,
    Secret,
}

/// Reads variables one by one and remembers all that was asked and all that was wrong.
pub(super) struct Reader<'a> {
    look_up: &'a dyn Fn(&str) -> Option<String>,
    shown: Vec<Shown>,
    wrong: Vec<WrongSetting>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(look_up: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            look_up,
            shown: Vec::new(),
            wrong: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> (Vec<Shown>, Vec<WrongSetting>) {
        (self.shown, self.wrong)
    }

    pub(super) fn wrong(&mut self, name: &'static str, rule: impl Into<String>) {
        self.wrong.push(WrongSetting {
            name,
            rule: rule.into(),
        });
    }

    /// Refuses a variable that this version would otherwise ignore in silence.
    pub(super) fn refuse(&mut self, name: &'static str, rule: &str) {
        if self.given(name).is_some() {
            self.wrong(name, rule);
        }
    }

    /// An empty variable counts as none: compose files cannot leave one out.
    fn given(&self, name: &str) -> Option<String> {
        (self.look_up)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    fn raw(&mut self, name: &'static str, default: &'static str, shows: Shows) -> Option<String> {
        let given = self.given(name);
        let was_given = given.is_some();
        let text = given.unwrap_or_else(|| default.to_owned());
        let value = match shows {
            _ if text.is_empty() => String::new(),
            Shows::Plain => text.clone(),
            Shows::Url => without_password(&text),
            Shows::Urls => text
                .split(',')
                .map(|url| without_password(url.trim()))
                .collect::<Vec<_>>()
                .join(","),
            Shows::Secret => "(hidden)".to_owned(),
        };
        self.shown.push(Shown {
            name,
            value,
            default,
            given: was_given,
        });
        (!text.is_empty()).then_some(text)
    }

    /// Whether that is what was given. Does not count as asking.
    pub(super) fn is(&self, name: &str, text: &str) -> bool {
        self.given(name).as_deref() == Some(text)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.raw(name, "", Shows::Plain)
    }

    pub(super) fn text_or(&mut self, name: &'static str, default: &'static str) -> String {
        self.raw(name, default, Shows::Plain).unwrap_or_default()
    }

    pub(super) fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    pub(super) fn secret(&mut self, name: &'static str) -> Option<Secret> {
        self.raw(name, "", Shows::Secret).map(Secret::new)
    }

    /// A secret of at least `bytes` bytes.
    pub(super) fn long_secret(&mut self, name: &'static str, bytes: usize) -> Option<Secret> {
        let secret = self.secret(name)?;
        let have = secret.expose().len();
        if have < bytes {
            self.wrong(
                name,
                format!("must have at least {bytes} bytes, and has {have}"),
            );
        }
        Some(secret)
    }

    /// The URL of a database; it may hold a password.
    pub(super) fn postgres_url(&mut self, name: &'static str) -> Option<Secret> {
        let text = self.raw(name, "", Shows::Url)?;
        self.check_postgres_url(name, &text);
        Some(Secret::new(text))
    }

    /// The same, as many as there are, separated by commas.
    pub(super) fn postgres_urls(&mut self, name: &'static str) -> Vec<Secret> {
        let text = self.raw(name, "", Shows::Urls).unwrap_or_default();
        let urls = text.split(',').map(str::trim).filter(|url| !url.is_empty());
        urls.map(|url| {
            self.check_postgres_url(name, url);
            Secret::new(url)
        })
        .collect()
    }

    fn check_postgres_url(&mut self, name: &'static str, url: &str) {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            let rule = "must be a URL that begins with postgres:// or postgresql://";
            self.wrong(name, rule);
        } else if let Err(error) = sluicegate_postgres::check_url(url) {
            self.wrong(name, format!("is no URL of a database: {error}"));
        }
    }

    /// An `http(s)` URL with a host, and without what would be a secret in it or would get in the way of paths.
    pub(super) fn http_url(&mut self, name: &'static str) -> Option<String> {
        let text = self.raw(name, "", Shows::Url)?;
        Some(self.checked_http_url(name, &text))
    }

    /// The same, as many as there are, separated by commas.
    pub(super) fn http_urls(&mut self, name: &'static str) -> Vec<Secret> {
        let text = self.raw(name, "", Shows::Urls).unwrap_or_default();
        let urls = text.split(',').map(str::trim).filter(|url| !url.is_empty());
        urls.map(|url| Secret::new(self.checked_http_url(name, url)))
            .collect()
    }

    fn checked_http_url(&mut self, name: &'static str, text: &str) -> String {
        let parsed = text.parse::<Uri>().ok();
        let fits = parsed.as_ref().is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
        let user = parsed
            .as_ref()
            .and_then(Uri::authority)
            .is_some_and(|authority| authority.as_str().contains('@'));
        let query = text.contains(['?', '#']);
        if !fits {
            self.wrong(name, "must be a URL that begins with http:// or https://");
        }
        if user {
            self.wrong(name, "must not hold a user or a password");
        }
        if query {
            self.wrong(name, "must have no query and no fragment");
        }
        text.trim_end_matches('/').to_owned()
    }

    pub(super) fn address(&mut self, name: &'static str, default: &'static str) -> SocketAddr {
        self.parsed(
            name,
            default,
            "must be an address and a port, such as 127.0.0.1:8080",
        )
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// An address, or `off`.
    pub(super) fn metrics_address(
        &mut self,
        name: &'static str,
        default: &'static str,
    ) -> MetricsListen {
        let given = self.given(name);
        if given.as_deref() == Some("off") {
            self.text_or(name, default);
            return MetricsListen::Off;
        }
        let rule = "must be off, or an address and a port, such as 127.0.0.1:9180";
        match self.parsed(name, default, rule) {
            Some(address) if given.is_some() => MetricsListen::Chosen(address),
            Some(address) => MetricsListen::Default(address),
            None => MetricsListen::Off,
        }
    }

    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        self.choice(name, "false", &[("false", false), ("true", true)])
            .unwrap_or_default()
    }

    pub(super) fn number(
        &mut self,
        name: &'static str,
        default: &'static str,
        range: RangeInclusive<u32>,
    ) -> u32 {
        let rule = format!(
            "must be a whole number from {} to {}",
            range.start(),
            range.end()
        );
        let number = self.parsed::<u32>(name, default, &rule);
        match number {
            Some(number) if !range.contains(&number) => {
                self.wrong(name, rule);
                *range.start()
            }
            Some(number) => number,
            None => *range.start(),
        }
    }

    pub(super) fn bytes(&mut self, name: &'static str, default: &'static str, least: u64) -> u64 {
        let rule = format!("must be a whole number of bytes, at least {least}");
        match self.parsed::<u64>(name, default, &rule) {
            Some(bytes) if bytes >= least => bytes,
            Some(_) => {
                self.wrong(name, rule);
                least
            }
            None => least,
        }
    }

    /// A number from 0 to 1.
    pub(super) fn share(&mut self, name: &'static str, default: &'static str) -> f64 {
        let rule = "must be a number from 0 to 1";
        match self.parsed::<f64>(name, default, rule) {
            Some(number) if (0.0..=1.0).contains(&number) => number,
            Some(_) => {
                self.wrong(name, rule);
                0.0
            }
            None => 0.0,
        }
    }

    /// `name=value` pairs, separated by commas; values are secrets.
    pub(super) fn headers(&mut self, name: &'static str) -> Vec<(String, Secret)> {
        let Some(all) = self.secret(name) else {
            return Vec::new();
        };
        let can_be_sent = |(name, value): &(String, String)| {
            HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
        };
        match sluicegate_otlp::headers(all.expose()) {
            Ok(pairs) if pairs.iter().all(can_be_sent) => pairs
                .into_iter()
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            _ => {
                self.wrong(name, "must be header=value, further ones after commas");
                Vec::new()
            }
        }
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        default: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text_or(name, default);
        let found = choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.wrong(name, format!("must be one of {}", words.join(", ")));
        }
        found
    }

    fn parsed<T: FromStr>(
        &mut self,
        name: &'static str,
        default: &'static str,
        rule: &str,
    ) -> Option<T> {
        let parsed = self.text_or(name, default).parse().ok();
        if parsed.is_none() {
            self.wrong(name, rule);
        }
        parsed
    }
}
