//! Postgres refuses to run as root: whom it runs as instead.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A user of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub uid: u32,
    /// Its group's number.
    pub gid: u32,
}

/// `None` if we are not root and can stay who we are; else the user `postgres`, else `nobody`.
pub fn to_drop_to() -> Option<Account> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = find(&users, "postgres").or_else(|| find(&users, "nobody"));
    Some(found.unwrap_or(Account {
        uid: 65_534,
        gid: 65_534,
    }))
}

fn find(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Account { uid, gid })
    })
}

/// The first folder on the way to `path` that this user may not pass.
pub(crate) fn closed_folder(account: Account, path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .skip(1)
        .find(|folder| {
            fs::metadata(folder).is_ok_and(|of| {
                let bit = match (of.uid() == account.uid, of.gid() == account.gid) {
                    (true, _) => 0o100,
                    (_, true) => 0o010,
                    _ => 0o001,
                };
                of.mode() & bit == 0
            })
        })
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_users_but_never_root() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres:x:107:115:PostgreSQL:/var/lib:/bin/sh\n\
                     evil:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false";
        assert_eq!(
            find(users, "postgres"),
            Some(Account { uid: 107, gid: 115 })
        );
        assert_eq!(
            find(users, "nobody"),
            Some(Account {
                uid: 65_534,
                gid: 65_534
            })
        );
        assert_eq!(find(users, "evil"), None);
        assert_eq!(find(users, "post"), None);
    }
}
