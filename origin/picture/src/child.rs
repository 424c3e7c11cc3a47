use std::ffi::OsString;
use std::io::{self, Read};
use std::process::ExitCode;

use crate::lockdown::{Caps, lock_down};
use crate::protocol::{Answer, LINE_BYTES, Recipe, Refusal, split_line, write_answer};
use crate::render::{self, Made};

/// The subcommand under which a program offers [`child_main`].
pub const CHILD_COMMAND: &str = "picture-child";

impl Caps {
    /// From the last two arguments of a child: seconds of CPU time, bytes of memory.
    pub fn from_args(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut numbers = args.into_iter().map(|arg| arg.to_str()?.parse().ok());
        let caps = Self {
            cpu_seconds: numbers.next()??,
            memory_bytes: numbers.next()??,
        };
        numbers.next().is_none().then_some(caps)
    }

    /// As [`Self::from_args`] reads them.
    pub fn to_args(self) -> [OsString; 2] {
        [
            self.cpu_seconds.to_string().into(),
            self.memory_bytes.to_string().into(),
        ]
    }
}

/// The child: locks itself down, reads one request from stdin, answers on stdout, ends. `args` are what
/// [`ChildPictureMaker`](crate::ChildPictureMaker) put behind the arguments that it was given. Call it first
/// thing in `main`: before any thread, runtime, log or file.
pub fn child_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let ready = Caps::from_args(args)
        .ok_or_else(|| "expected CPU seconds and memory bytes".to_owned())
        .and_then(|caps| lock_down(caps).map_err(|error| error.to_string()));
    let written = match ready {
        Ok(()) => match read_request() {
            Ok((recipe, file)) => respond(render::make(file, recipe)),
            Err(unfit) => write_answer(&mut io::stdout(), &Answer::Unfit(unfit), &[]),
        },
        Err(unfit) => write_answer(&mut io::stdout(), &Answer::Unfit(unfit), &[]),
    };
    if written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read_request() -> Result<(Recipe, Vec<u8>), String> {
    let most = Recipe::Preview.source_bytes() + u64::try_from(LINE_BYTES).unwrap_or_default();
    let mut message = Vec::new();
    io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut message)
        .map_err(|error| error.to_string())?;
    let (line, _) = split_line(&message).ok_or("expected a recipe")?;
    let line_length = line.len();
    let recipe = std::str::from_utf8(line)
        .ok()
        .and_then(Recipe::parse)
        .ok_or("unknown recipe")?;
    message.drain(..=line_length);
    Ok((recipe, message))
}

fn respond(made: Result<Made, Refusal>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match made {
        Err(refusal) => write_answer(&mut out, &Answer::Refused(refusal), &[]),
        Ok(made) => {
            let answer = Answer::Made {
                width: made.width,
                height: made.height,
                blurhash: made.blurhash,
                perceptual_hash: made.perceptual_hash,
                webp: made.webp.len(),
                preview: made.preview.len(),
            };
            write_answer(&mut out, &answer, &[&made.webp, &made.preview])
        }
    }
}
