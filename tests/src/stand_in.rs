//! What stand-ins for other people's services have in common.

use anyhow::Result;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// Serves on a free port until the handle is dropped; the URL to reach it at.
pub(crate) async fn serve(router: Router) -> Result<(String, AbortOnDropHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = AbortOnDropHandle::new(tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    }));
    Ok((url, server))
}
