//! Points in time as the API writes them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::format_description::{BorrowedFormatItem, StaticFormatDescription};
use time::macros::format_description;
use time::{Duration, OffsetDateTime, UtcOffset};

const MILLISECONDS: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A point in time, UTC, to the millisecond. JSON: RFC 3339, `2026-11-24T17:12:09.000Z`.
///
/// Finer parts are cut off when one is made, so that what was stored equals what is read again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// From a date and time in any offset; cut to the millisecond.
    pub fn new(at: OffsetDateTime) -> Self {
        let at = at.to_offset(UtcOffset::UTC);
        let nanosecond = at.nanosecond() / 1_000_000 * 1_000_000;
        Self(at.replace_nanosecond(nanosecond).unwrap_or(at))
    }

    /// From milliseconds since 1970; `None` outside the years -9999 to 9999.
    pub fn from_unix_ms(ms: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
            .ok()
            .map(Self::new)
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(self) -> i64 {
        self.0.unix_timestamp() * 1_000 + i64::from(self.0.millisecond())
    }

    /// Whole seconds since 1970, rounded down: the unit of JWT claims.
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// As the `time` crate holds it.
    pub fn into_inner(self) -> OffsetDateTime {
        self.0
    }

    /// This time and `later`; stays where it is if that would leave the calendar.
    #[must_use]
    pub fn plus(self, later: std::time::Duration) -> Self {
        Duration::try_from(later)
            .ok()
            .and_then(|d| self.0.checked_add(d))
            .map_or(self, Self::new)
    }

    /// This time less `earlier`; stays where it is if that would leave the calendar.
    #[must_use]
    pub fn minus(self, earlier: std::time::Duration) -> Self {
        Duration::try_from(earlier)
            .ok()
            .and_then(|d| self.0.checked_sub(d))
            .map_or(self, Self::new)
    }

    /// How much later this is than `earlier`; zero if it is not.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::try_from(self.0 - earlier.0).unwrap_or_default()
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(at: OffsetDateTime) -> Self {
        Self::new(at)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: &[BorrowedFormatItem<'_>] = MILLISECONDS;
        f.write_str(&self.0.format(items).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339)
            .map(Self::new)
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_with_milliseconds_and_read_in_any_offset() {
        let at = Timestamp::from_unix_ms(1_795_540_329_007).expect("in range");
        let json = serde_json::to_string(&at).expect("serialises");
        assert_eq!(json, "\"2026-11-24T17:12:09.007Z\"");
        let same: Timestamp =
            serde_json::from_str("\"2026-11-24T19:12:09.0079+02:00\"").expect("parses");
        assert_eq!(same, at);
        assert_eq!(same.unix_ms(), 1_795_540_329_007);
    }
}
