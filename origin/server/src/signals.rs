use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGTERM or SIGINT cancels. A second signal ends the process at once: whoever sends
/// it does not want to wait.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
        tracing::info!("stopping: finishing what has begun");
        stop.cancel();
        tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
        tracing::warn!("stopping at once");
        std::process::exit(130);
    });
    Ok(token)
}

/// From now on SIGTERM and SIGINT do nothing.
pub fn ignore() -> anyhow::Result<()> {
    // Once registered, the default action is gone for good, also when nobody listens.
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        drop(signal(kind)?);
    }
    Ok(())
}
