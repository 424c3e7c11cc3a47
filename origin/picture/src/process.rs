//! One child: started, fed, read and ended.

use std::pin::pin;
use std::process::{ExitStatus, Stdio};

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{ByteStream, MakePictureError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, timeout, timeout_at};

use crate::maker::{ChildLimits, SERVICE};
use crate::protocol::{ANSWER_BYTES, LINE_BYTES, Recipe, Refusal};

/// How much of a child's stderr is kept, in bytes.
const COMPLAINT_BYTES: u64 = 2048;

/// What a child left behind.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) answer: Bytes,
    pub(crate) complaint: String,
    /// Of the source; right only if the child read it all.
    pub(crate) source_sha256: String,
}

/// The C library asks for huge pages: a large picture is tens of megabytes that are touched once, and a quarter of
/// a child's CPU time went into page faults. Other C libraries ignore it, as does a kernel without them.
const HUGE_PAGES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// Starts a child with nothing of our environment.
pub(crate) fn spawn(mut command: Command) -> Result<Child, PortError> {
    let (name, value) = HUGE_PAGES;
    command
        .env_clear()
        .env(name, value)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // An interrupt typed at a terminal is for the service, which lets its pictures finish.
        .process_group(0);
    command
        .spawn()
        .map_err(|error| PortError::unavailable(SERVICE, error))
}

/// Hands the source to a child and waits for its end. Kills it when it takes too long, says too much, or
/// the source fails.
pub(crate) async fn run(
    child: &mut Child,
    recipe: Recipe,
    source: ByteStream,
    limits: &ChildLimits,
) -> Result<Ended, MakePictureError> {
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(PortError::failed(SERVICE, "a pipe is missing").into());
    };
    let done = exchange(
        child,
        recipe,
        source,
        limits,
        Pipes {
            stdin,
            stdout,
            stderr,
        },
    )
    .await;
    if done.is_err() {
        // Fails only for a child that has ended.
        let _ = child.kill().await;
    }
    done
}

struct Pipes<O, E> {
    stdin: ChildStdin,
    stdout: O,
    stderr: E,
}

async fn exchange(
    child: &mut Child,
    recipe: Recipe,
    source: ByteStream,
    limits: &ChildLimits,
    pipes: Pipes<impl AsyncRead + Unpin, impl AsyncRead + Unpin>,
) -> Result<Ended, MakePictureError> {
    let mut hash = Sha256::new();
    let mut output = pin!(collect(pipes.stdout, pipes.stderr));
    // Read while writing: a child that answers before it has read everything must not block both.
    let early = {
        let mut feeding = pin!(feed(pipes.stdin, recipe, source, limits, &mut hash));
        tokio::select! {
            fed = &mut feeding => { fed?; None }
            output = &mut output => Some(output),
        }
    };
    let deadline = Instant::now() + limits.wall;
    let output = match early {
        Some(output) => output,
        None => timeout_at(deadline, output).await.map_err(|_| starved())?,
    };
    let (answer, complaint) = output?;
    let status = timeout_at(deadline, child.wait())
        .await
        .map_err(|_| starved())?
        .map_err(|error| PortError::unavailable(SERVICE, error))?;
    Ok(Ended {
        status,
        answer,
        complaint,
        source_sha256: hex::encode(hash.finalize()),
    })
}

/// Writes the request. A child that stops reading has its reasons, which its end will tell.
async fn feed(
    mut stdin: ChildStdin,
    recipe: Recipe,
    mut source: ByteStream,
    limits: &ChildLimits,
    hash: &mut Sha256,
) -> Result<(), MakePictureError> {
    let late = || PortError::unavailable("object store", "the file did not arrive in time");
    let deadline = Instant::now() + limits.source;
    let mut left = recipe.source_bytes();
    let mut is_open = put(
        &mut stdin,
        format!("{}\n", recipe.name()).as_bytes(),
        limits,
    )
    .await?;
    while let Some(piece) = timeout_at(deadline, source.next())
        .await
        .map_err(|_| late())?
    {
        let piece = piece?;
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        left = left.checked_sub(length).ok_or(Refusal::TooLarge)?;
        hash.update(&piece);
        is_open = is_open && put(&mut stdin, &piece, limits).await?;
        if !is_open {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the child took it.
async fn put(
    stdin: &mut ChildStdin,
    bytes: &[u8],
    limits: &ChildLimits,
) -> Result<bool, MakePictureError> {
    let written = timeout(limits.wall, stdin.write_all(bytes)).await;
    Ok(written.map_err(|_| starved())?.is_ok())
}

/// A decoder at work ends at its CPU limit; one that uses less but takes longer got no CPU, which says
/// nothing of the file.
fn starved() -> PortError {
    PortError::unavailable(SERVICE, "it did not end in time, and not for its CPU limit")
}

/// All of stdout and the beginning of stderr, until the child closed both.
async fn collect(
    stdout: impl AsyncRead + Unpin,
    mut stderr: impl AsyncRead + Unpin,
) -> Result<(Bytes, String), MakePictureError> {
    let lost = |error: std::io::Error| PortError::unavailable(SERVICE, error);
    let answer = async {
        let most = ANSWER_BYTES + u64::try_from(LINE_BYTES).unwrap_or_default();
        let mut answer = Vec::new();
        stdout
            .take(most + 1)
            .read_to_end(&mut answer)
            .await
            .map_err(lost)?;
        let is_bounded = u64::try_from(answer.len()).is_ok_and(|length| length <= most);
        if is_bounded {
            Ok(answer)
        } else {
            Err(MakePictureError::from(Refusal::Crashed))
        }
    };
    let complaint = async {
        let mut complaint = Vec::new();
        (&mut stderr)
            .take(COMPLAINT_BYTES)
            .read_to_end(&mut complaint)
            .await
            .map_err(lost)?;
        tokio::io::copy(&mut stderr, &mut tokio::io::sink())
            .await
            .map_err(lost)?;
        Ok(complaint)
    };
    let (answer, complaint) = tokio::try_join!(answer, complaint)?;
    Ok((
        answer.into(),
        String::from_utf8_lossy(&complaint).into_owned(),
    ))
}
