use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{ByteStream, MadePicture, MakePictureError, PictureMaker};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::lockdown::Caps;
use crate::outcome::{Checked, judge};
use crate::process::{run, spawn};
use crate::protocol::Recipe;

/// The name under which failures of a child are reported.
pub(crate) const SERVICE: &str = "picture child";

/// What one picture may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// For the whole file to arrive from its source; then the source is unavailable.
    pub source: Duration,
    /// From the file's last byte to the child's end, and for each time that the child does not read. Then it
    /// is `Unavailable`, not the file's fault: a decoder at work ends earlier, at its CPU limit.
    pub wall: Duration,
    /// What the child may use up.
    pub caps: Caps,
}

impl Default for ChildLimits {
    /// 25 s for the file, 30 s for the child with 20 s of CPU and 512 MiB of address space.
    fn default() -> Self {
        Self {
            source: Duration::from_secs(25),
            wall: Duration::from_secs(30),
            caps: Caps {
                cpu_seconds: 20,
                memory_bytes: 512 * 1024 * 1024,
            },
        }
    }
}

/// Makes each picture in a child process of its own, at most so many at once; more wait.
#[derive(Debug)]
pub struct ChildPictureMaker {
    program: PathBuf,
    args: Vec<OsString>,
    limits: ChildLimits,
    permits: Semaphore,
}

impl ChildPictureMaker {
    /// `program` with `args` has to end up in [`child_main`](crate::child_main) with whatever arguments
    /// follow: for a program with the subcommand, `args` is [`CHILD_COMMAND`](crate::CHILD_COMMAND).
    pub fn new(
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = impl Into<OsString>>,
        limits: ChildLimits,
        at_once: usize,
    ) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            limits,
            permits: Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS)),
        }
    }

    async fn run(
        &self,
        recipe: Recipe,
        source: ByteStream,
    ) -> Result<(Checked, String), MakePictureError> {
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|error| PortError::unavailable(SERVICE, error))?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).args(self.limits.caps.to_args());
        let mut child = spawn(command)?;
        let ended = run(&mut child, recipe, source, &self.limits).await?;
        let checked = judge(recipe, ended.status, &ended.answer, &ended.complaint)?;
        Ok((checked, ended.source_sha256))
    }
}

#[async_trait]
impl PictureMaker for ChildPictureMaker {
    async fn make(
        &self,
        source: ByteStream,
        purpose: Purpose,
    ) -> Result<MadePicture, MakePictureError> {
        let (checked, source_sha256) = self.run(Recipe::Rendition(purpose), source).await?;
        Ok(MadePicture {
            webp: checked.webp,
            width: checked.width,
            height: checked.height,
            blurhash: checked.blurhash,
            perceptual_hash: checked.perceptual_hash,
            source_sha256,
            preview: checked.preview,
        })
    }

    async fn preview(&self, webp: ByteStream) -> Result<Bytes, MakePictureError> {
        let (checked, _) = self.run(Recipe::Preview, webp).await?;
        Ok(checked.preview)
    }
}
