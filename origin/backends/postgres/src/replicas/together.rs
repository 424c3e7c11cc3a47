use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use sluicegate_contract::ids::AccountId;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// What came of a question about one account; `None` if it could not be asked.
type Answer = Option<bool>;

/// Many askers, one question at a time: those that come while one is under way are asked about together in the next.
/// So a question is always asked after its asker came, and however many come, there is never more than one under way.
#[derive(Default)]
pub(super) struct Together {
    waiting: Mutex<Vec<(AccountId, oneshot::Sender<Answer>)>>,
    turn: tokio::sync::Mutex<()>,
}

impl Together {
    /// Whether `account` is among those that `question` answers, when it is asked about all that wait.
    pub(super) async fn ask<Q, A>(&self, account: AccountId, question: Q) -> Answer
    where
        Q: Fn(Vec<AccountId>) -> A,
        A: Future<Output = Option<HashSet<AccountId>>>,
    {
        loop {
            let (sender, mut answer) = oneshot::channel();
            self.waiting().push((account, sender));
            let _turn = self.turn.lock().await;
            match answer.try_recv() {
                Ok(answer) => return answer,
                Err(TryRecvError::Empty) => {}
                // Whoever asked for us went away before the answer came.
                Err(TryRecvError::Closed) => continue,
            }
            let waiting = std::mem::take(&mut *self.waiting());
            let accounts: BTreeSet<AccountId> =
                waiting.iter().map(|(account, _)| *account).collect();
            let found = question(accounts.into_iter().collect()).await;
            for (account, sender) in waiting {
                // Who does not wait any more needs no answer.
                let _ = sender.send(found.as_ref().map(|found| found.contains(&account)));
            }
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<(AccountId, oneshot::Sender<Answer>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::task::JoinSet;
    use uuid::Uuid;

    use super::*;

    fn account(number: u128) -> AccountId {
        AccountId(Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn many_askers_are_few_questions() {
        let together = Arc::new(Together::default());
        let questions = Arc::new(AtomicUsize::new(0));
        let mut askers = JoinSet::new();
        for number in 0..100 {
            let (together, questions) = (Arc::clone(&together), Arc::clone(&questions));
            askers.spawn(async move {
                let odd = |accounts: Vec<AccountId>| {
                    questions.fetch_add(1, Ordering::Relaxed);
                    async move {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        let odd = accounts.into_iter().filter(|id| id.0.as_u128() % 2 == 1);
                        Some(odd.collect())
                    }
                };
                let answer = together.ask(account(number), odd).await;
                assert_eq!(answer, Some(number % 2 == 1));
            });
        }
        askers.join_all().await;
        let questions = questions.load(Ordering::Relaxed);
        assert!((1..=3).contains(&questions), "{questions}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_asker_that_goes_away_takes_nobody_along() {
        let together = Arc::new(Together::default());
        let never = |_| std::future::pending();
        let first = together.ask(account(1), never);
        let first = tokio::time::timeout(Duration::from_millis(50), first);
        let second = async {
            // While the first one asks.
            tokio::time::sleep(Duration::from_millis(10)).await;
            let all = |accounts: Vec<AccountId>| async { Some(accounts.into_iter().collect()) };
            together.ask(account(2), all).await
        };
        let (first, second) = tokio::join!(first, second);
        assert!(first.is_err());
        assert_eq!(second, Some(true));
    }
}
