use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;

/// A detector that finds everything safe; ends with the test's runtime. Its address.
pub(super) async fn detector() -> String {
    let router = Router::new()
        .route(
            "/classify",
            post(async || r#"{"safe": true, "confidence": 0.9, "reason": "nothing found"}"#),
        )
        .route("/health", get(async || "up"));
    serve(router).await
}

/// Serves until the test's runtime ends; the address.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("has one"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
