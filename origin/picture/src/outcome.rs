//! What a child's end and answer mean. A child that decoded a hostile file may say anything: nothing of its
//! answer is believed that was not looked at.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use bytes::Bytes;
use rustix::process::Signal;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::MakePictureError;
use sluicegate_sniff::{Inspection, Kind, Picture, inspect};

use crate::maker::SERVICE;
use crate::protocol::{Answer, Recipe, Refusal, split_line};

/// An answer that is what it says.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) blurhash: String,
    pub(crate) perceptual_hash: u64,
    pub(crate) webp: Bytes,
    pub(crate) preview: Bytes,
}

impl From<Refusal> for MakePictureError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.word())
    }
}

/// Four by three components: a size, a maximum, an average, and two characters for each of the others.
const BLURHASH_CHARS: usize = 28;
/// What Rust's runtime, and a panic over a failed reservation, write for want of memory.
const OUT_OF_MEMORY: [&str; 2] = ["memory allocation of", "TryReserveError"];

/// Reads what a child left behind. `complaint` is the beginning of what it wrote to stderr.
pub(crate) fn judge(
    recipe: Recipe,
    status: ExitStatus,
    answer: &Bytes,
    complaint: &str,
) -> Result<Checked, MakePictureError> {
    if !status.success() {
        return Err(judge_end(status, complaint));
    }
    let Some((line, parts)) = split_line(answer) else {
        return Err(Refusal::Crashed.into());
    };
    let parts = answer.slice_ref(parts);
    match serde_json::from_slice(line) {
        Ok(Answer::Made {
            width,
            height,
            blurhash,
            perceptual_hash,
            webp,
            preview,
        }) => {
            let whole = webp.checked_add(preview) == Some(parts.len());
            if !whole {
                return Err(Refusal::Crashed.into());
            }
            let (webp, preview) = (parts.slice(..webp), parts.slice(webp..));
            let checked = Checked {
                width,
                height,
                blurhash,
                perceptual_hash,
                webp,
                preview,
            };
            if is_sound(&checked, recipe) {
                Ok(checked)
            } else {
                Err(Refusal::Crashed.into())
            }
        }
        Ok(Answer::Refused(refusal)) => Err(refusal.into()),
        Ok(Answer::Unfit(reason)) => Err(PortError::failed(SERVICE, reason).into()),
        Err(_) => Err(Refusal::Crashed.into()),
    }
}

fn judge_end(status: ExitStatus, complaint: &str) -> MakePictureError {
    let signal = status.signal();
    let is = |wanted: Signal| signal == Some(wanted.as_raw());
    if is(Signal::XCPU) {
        return Refusal::TooSlow.into();
    }
    let from_outside = [
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::QUIT,
        Signal::KILL,
    ];
    if from_outside.into_iter().any(is) {
        // Somebody stops the service, or the kernel takes memory back: the file is not at fault. Its own
        // limits end a child in other ways.
        return PortError::unavailable(SERVICE, format!("{status}")).into();
    }
    if OUT_OF_MEMORY.iter().any(|trace| complaint.contains(trace)) {
        return Refusal::TooMuchMemory.into();
    }
    tracing::warn!(%status, complaint, "a picture child crashed");
    Refusal::Crashed.into()
}

fn is_sound(checked: &Checked, recipe: Recipe) -> bool {
    let webp_is_sound = match recipe {
        Recipe::Preview => checked.webp.is_empty(),
        Recipe::Rendition(_) => {
            still(&checked.webp, Kind::Webp) == Some((checked.width, checked.height))
        }
    };
    webp_is_sound
        && still(&checked.preview, Kind::Jpeg).is_some()
        && checked.blurhash.len() == BLURHASH_CHARS
        && checked.blurhash.bytes().all(|byte| byte.is_ascii_graphic())
}

fn still(file: &[u8], wanted: Kind) -> Option<(u32, u32)> {
    match inspect(file, u64::try_from(file.len()).ok()?) {
        Inspection::Picture(Picture {
            kind,
            width,
            height,
            animated: false,
        }) if kind == wanted => Some((width, height)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use bytes::Bytes;
    use sluicegate_contract::uploads::Purpose;
    use sluicegate_core::ports::MakePictureError;

    use super::judge;
    use crate::protocol::{Answer, Recipe, write_answer};

    fn word(status: i32, answer: &[u8], complaint: &str) -> String {
        let recipe = Recipe::Rendition(Purpose::Avatar);
        let answer = Bytes::copy_from_slice(answer);
        match judge(recipe, ExitStatus::from_raw(status), &answer, complaint) {
            Ok(_) => "made".to_owned(),
            Err(MakePictureError::Refused(word)) => word.to_owned(),
            Err(MakePictureError::Port(error)) => if error.is_unavailable() {
                "unavailable"
            } else {
                "failed"
            }
            .to_owned(),
        }
    }

    fn made(webp: &[u8], claimed: usize) -> Vec<u8> {
        let answer = Answer::Made {
            width: 1,
            height: 1,
            blurhash: "L".repeat(28),
            perceptual_hash: 0,
            webp: claimed,
            preview: 0,
        };
        let mut out = Vec::new();
        write_answer(&mut out, &answer, &[webp]).unwrap();
        out
    }

    #[test]
    fn ends_of_a_child() {
        const CORE: i32 = 0x80;
        assert_eq!(word(9, b"", ""), "unavailable");
        assert_eq!(word(0x0b | CORE, b"", ""), "crashed");
        assert_eq!(word(101 << 8, b"", "thread 'main' panicked"), "crashed");
        assert_eq!(
            word(6, b"", "memory allocation of 9 bytes failed"),
            "too_much_memory"
        );
        assert_eq!(word(24, b"", ""), "too_slow");
        assert_eq!(word(15, b"", ""), "unavailable");
        assert_eq!(word(2, b"", ""), "unavailable");
    }

    #[test]
    fn an_answer_that_lies_is_a_crash() {
        assert_eq!(word(0, b"", ""), "crashed");
        assert_eq!(word(0, b"{}\n", ""), "crashed");
        assert_eq!(word(0, b"{\"refused\":\"tired\"}\n", ""), "crashed");
        assert_eq!(word(0, &[b'x'; 5000], ""), "crashed");
        assert_eq!(word(0, &made(b"<html>", 6), ""), "crashed");
        assert_eq!(word(0, &made(b"<html>", usize::MAX), ""), "crashed");
        assert_eq!(word(0, &made(b"<html>", 2), ""), "crashed");
    }

    #[test]
    fn refusals_and_unfit_children() {
        assert_eq!(word(0, b"{\"refused\":\"truncated\"}\n", ""), "truncated");
        assert_eq!(word(0, b"{\"unfit\":\"no seccomp\"}\n", ""), "failed");
    }
}
