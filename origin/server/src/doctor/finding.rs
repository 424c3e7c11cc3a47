use serde_json::{Value, json};

/// What came of one look.
pub(super) struct Finding {
    pub(super) what: &'static str,
    pub(super) place: String,
    pub(super) state: State,
}

pub(super) enum State {
    Ok(String),
    /// Nothing stops, but somebody should know: what is so, what to do about it.
    Note(String, &'static str),
    /// What is wrong, what to do.
    Wrong(String, &'static str),
}

impl State {
    pub(super) fn ok(how: impl Into<String>) -> Self {
        Self::Ok(how.into())
    }
}

impl Finding {
    pub(super) fn new(what: &'static str, place: impl Into<String>, state: State) -> Self {
        Self {
            what,
            place: place.into(),
            state,
        }
    }

    pub(super) fn is_wrong(&self) -> bool {
        matches!(self.state, State::Wrong(..))
    }

    pub(super) fn row(&self) -> [String; 4] {
        let (state, advice) = match &self.state {
            State::Ok(state) => (state.clone(), ""),
            State::Note(note, advice) => (note.clone(), *advice),
            State::Wrong(wrong, advice) => (format!("WRONG: {wrong}"), *advice),
        };
        [
            self.what.to_owned(),
            self.place.clone(),
            state,
            advice.to_owned(),
        ]
    }

    pub(super) fn json(&self) -> Value {
        let (state, found, remedy) = match &self.state {
            State::Ok(found) => ("ok", found, ""),
            State::Note(found, remedy) => ("note", found, *remedy),
            State::Wrong(found, remedy) => ("wrong", found, *remedy),
        };
        json!({
            "check": self.what,
            "where": self.place,
            "state": state,
            "found": found,
            "remedy": remedy,
        })
    }
}
