//! Lists by prefix.

use std::time::Duration;

use sluicegate_core::ports::ListPage;

use super::Fixture;

async fn list(fixture: &Fixture, prefix: &str, after: Option<&str>, limit: u32) -> ListPage {
    let page = fixture.store.list(prefix, after, limit).await.unwrap();
    assert!(page.objects.len() <= usize::try_from(limit).unwrap());
    page
}

fn keys(page: &ListPage) -> Vec<&str> {
    page.objects
        .iter()
        .map(|object| object.key.as_str())
        .collect()
}

/// Every object of the prefix once, in the order of keys, and none of its neighbours.
pub async fn lists_page_by_page(fixture: &Fixture) {
    let prefix = fixture.key("listed/");
    let empty = list(fixture, &prefix, None, 10).await;
    assert_eq!(empty, ListPage::default());
    for name in ["listed/c", "listed/a", "listed/e", "listed/b", "listed/d"] {
        fixture.put(&fixture.key(name), "content").await;
    }
    for neighbour in ["listed-too", "listed.too", "lister"] {
        fixture.put(&fixture.key(neighbour), "content").await;
    }
    let mut after = None;
    let mut all = Vec::new();
    loop {
        let page = list(fixture, &prefix, after.as_deref(), 2).await;
        all.extend(keys(&page).into_iter().map(str::to_owned));
        if !page.more {
            break;
        }
        assert_eq!(page.objects.len(), 2, "a page is full while others follow");
        after = all.last().cloned();
    }
    let expected = ["a", "b", "c", "d", "e"].map(|name| format!("{prefix}{name}"));
    assert_eq!(all, expected);
    let rest = list(fixture, &prefix, Some(&format!("{prefix}bb")), 10).await;
    assert_eq!(keys(&rest), expected.get(2..).unwrap(), "from any key on");
    let whole = list(fixture, &prefix, None, 5).await;
    assert_eq!((whole.objects.len(), whole.more), (5, false));
}

/// A list says when an object was written, and forgets one that was deleted.
pub async fn lists_what_is_there_now(fixture: &Fixture) {
    let prefix = fixture.key("now/");
    let (kept, gone) = (format!("{prefix}kept"), format!("{prefix}gone"));
    for key in [&kept, &gone] {
        fixture.put(key, "content").await;
    }
    fixture.store.delete(&gone).await.unwrap();
    let page = list(fixture, &prefix, None, 10).await;
    assert_eq!(keys(&page), [&kept]);
    let written = page.objects.first().unwrap().modified;
    let (hour, now) = (Duration::from_hours(1), fixture.now);
    assert!(written.since(now) < hour && now.since(written) < hour);
}
