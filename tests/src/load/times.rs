//! How long things took.

use std::fmt;
use std::time::Duration;

/// So many posts tell how long posts take.
const POSTS: usize = 16;
/// So many pictures tell how long pictures take.
const PICTURES: usize = 8;
/// What a machine that others use, too, may add.
const NOISE: Duration = Duration::from_millis(200);

/// How long posts took, and pictures until their sender was told that they are there.
#[derive(Default)]
pub struct Times {
    posts: Vec<Duration>,
    pictures: Vec<Duration>,
}

impl Times {
    pub(super) fn add_post(&mut self, took: Duration) {
        self.posts.push(took);
    }

    pub(super) fn add_picture(&mut self, took: Duration) {
        self.pictures.push(took);
    }

    /// The last of them, if they tell anything.
    pub(super) fn last(&self) -> Option<Self> {
        let last = |times: &[Duration], number: usize| {
            let first = times.len().checked_sub(number)?;
            times.get(first..).map(<[Duration]>::to_vec)
        };
        Some(Self {
            posts: last(&self.posts, POSTS)?,
            pictures: last(&self.pictures, PICTURES)?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.posts.is_empty() && self.pictures.is_empty()
    }

    /// None of either took longer.
    pub fn slowest(&self) -> Duration {
        let all = self.posts.iter().chain(&self.pictures);
        all.max().copied().unwrap_or_default()
    }

    /// Whether both take about as long as those did.
    pub fn is_like(&self, others: &Self) -> bool {
        let is_like = |ours: &[Duration], theirs: &[Duration]| {
            let (ours, theirs) = (sorted(ours), sorted(theirs));
            !ours.is_empty() && median(&ours) <= 2 * median(&theirs) + NOISE
        };
        is_like(&self.posts, &others.posts) && is_like(&self.pictures, &others.pictures)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tell = |times: &[Duration]| {
            let sorted = sorted(times);
            let slowest = sorted.last().copied().unwrap_or_default();
            let (median, slowest) = (median(&sorted).as_millis(), slowest.as_millis());
            format!("{median} ms (slowest of {}: {slowest})", sorted.len())
        };
        let told = [("a post", &self.posts), ("a picture", &self.pictures)];
        let told = told.iter().filter(|(_, times)| !times.is_empty());
        let told: Vec<_> = told
            .map(|(what, times)| format!("{what} {}", tell(times)))
            .collect();
        f.write_str(&told.join(", "))
    }
}

fn sorted(times: &[Duration]) -> Vec<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted
}

/// Half of them took no longer.
fn median(sorted: &[Duration]) -> Duration {
    let middle = sorted.get(sorted.len() / 2);
    middle.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(posts: &[u64], pictures: &[u64]) -> Times {
        let all = |times: &[u64]| times.iter().copied().map(Duration::from_millis).collect();
        Times {
            posts: all(posts),
            pictures: all(pictures),
        }
    }

    #[test]
    fn slow_pictures_are_not_hidden_by_fast_posts() {
        let before = times(&[100, 90, 110], &[300, 310, 290]);
        assert!(times(&[399, 400, 900], &[800, 799, 9_000]).is_like(&before));
        assert!(!times(&[401, 401, 10], &[300]).is_like(&before));
        assert!(!times(&[100], &[801, 801, 10]).is_like(&before));
        assert!(!times(&[100], &[]).is_like(&before), "nothing was taken");
    }

    #[test]
    fn a_few_tell_nothing() {
        assert!(times(&[1; POSTS], &[1; PICTURES - 1]).last().is_none());
        assert!(times(&[1; POSTS - 1], &[1; PICTURES]).last().is_none());
        let mut enough = times(&[9; POSTS], &[1; PICTURES]);
        enough.add_post(Duration::from_millis(1));
        let last = enough.last().expect("enough of both");
        assert_eq!(last.posts.len(), POSTS);
        assert_eq!(last.posts.last(), Some(&Duration::from_millis(1)));
        assert_eq!(
            times(&[3, 1, 2], &[]).to_string(),
            "a post 2 ms (slowest of 3: 3)"
        );
    }
}
