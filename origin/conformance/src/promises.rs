use tokio::task::JoinError;

/// Defines `run`, which checks every named promise on its own and then names all that are broken.
macro_rules! promises {
    ($context:ty: $($name:ident),+ $(,)?) => {
        /// Checks all promises of this port.
        ///
        /// # Panics
        /// If one is broken, naming it.
        pub async fn run(context: &$context) {
            let mut broken = Vec::new();
            $(
                let own = context.clone();
                let checked = tokio::spawn(async move { $name(&own).await }).await;
                broken.extend(crate::promises::complaint(stringify!($name), checked));
            )+
            assert!(broken.is_empty(), "broken promises:\n{}", broken.join("\n"));
        }
    };
}
pub(crate) use promises;

/// A line for a promise that is broken.
pub(crate) fn complaint(name: &str, checked: Result<(), JoinError>) -> Option<String> {
    let panic = checked.err()?.try_into_panic().ok();
    let message = panic
        .as_ref()
        .and_then(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            text.or_else(|| panic.downcast_ref::<String>().cloned())
        })
        .unwrap_or_default();
    Some(format!("- {name}: {message}"))
}
