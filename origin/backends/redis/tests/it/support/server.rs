use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::RedisServer;

use super::test_name;

/// A server of one test; ends with this value. It keeps nothing over a restart.
pub(crate) struct Redis {
    server: RedisServer,
    ran: Option<RanOn>,
}

impl Redis {
    /// `None`, and noted, if there is no `redis-server`. `arguments` go after the usual ones.
    pub(crate) async fn start(arguments: &[&str]) -> Option<Self> {
        let test = test_name();
        let mut all = vec!["--appendonly", "no"];
        all.extend(arguments);
        let server = RedisServer::start(&all, &test).await?;
        let theme = test.split("::").next().unwrap_or_default();
        let ran = RanOn::begins(&server.version(), &format!("what is shared: {theme}"));
        let ran = Some(ran);
        Some(Self { server, ran })
    }

    /// On the same port, empty.
    pub(crate) async fn start_again(&mut self) {
        self.server.start_again().await;
    }

    pub(crate) async fn kill(&mut self) {
        self.server.kill().await;
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) async fn ask(&self, words: &[&str]) -> Result<redis::Value, redis::RedisError> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let (name, arguments) = words.split_first().expect("a command");
        let mut command = redis::cmd(name);
        command.arg(arguments);
        command.query_async(&mut connection).await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(ran) = self.ran.take()
            && !std::thread::panicking()
        {
            ran.passed();
        }
    }
}
