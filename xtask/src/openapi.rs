use anyhow::Result;

use crate::cargo::cargo;
use crate::process::{Stop, run};
use crate::ui::{note, step};

/// The test that compares the committed document with that of the code.
const TEST: &str = "the_committed_document_is_that_of_the_code";

/// Writes `docs/api/openapi.json` anew from the annotations of the handlers.
pub(crate) fn main(stop: &Stop) -> Result<()> {
    step("Writing docs/api/openapi.json", || {
        let mut test = cargo(["test", "-p", "sluicegate-api", "--lib", "--", TEST]);
        run(stop, test.env("SLUICEGATE_BLESS", "1"))
    })?;
    note("read its diff before you commit it: it is what clients see");
    Ok(())
}
