//! Passwords: argon2id, off the async threads, and so many at once.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;

use crate::error::ApiError;
use crate::gate::Gate;

/// OWASP's first recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash that no password has, at the same cost as a real one: what is checked for accounts that do not exist.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2x1aWNlZ2F0ZS1ub2JvZHk$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(crate) struct Passwords {
    env: Env,
    gate: Gate,
}

impl Passwords {
    pub(crate) fn new(env: Env, gate: Gate) -> Self {
        Self { env, gate }
    }

    /// A PHC string with a fresh salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ApiError> {
        let salt: [u8; 16] = self.env.random();
        self.run(move || {
            let salt = SaltString::encode_b64(&salt)?;
            Ok(argon2()?
                .hash_password(password.as_bytes(), &salt)?
                .to_string())
        })
        .await
    }

    /// Whether the password belongs to the hash; for `None` it never does, and takes as long.
    pub(crate) async fn verify(
        &self,
        hash: Option<String>,
        password: String,
    ) -> Result<bool, ApiError> {
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODYS_HASH);
            let hash = PasswordHash::new(hash)?;
            match argon2()?.verify_password(password.as_bytes(), &hash) {
                Ok(()) => Ok(known),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The pass goes with the work: a request that is given up does not free its slot early.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> argon2::password_hash::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let pass = self.gate.enter().await?;
        let done = tokio::task::spawn_blocking(move || {
            let _pass = pass;
            work()
        });
        match done.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(PortError::failed("passwords", error.to_string()).into()),
            Err(error) => Err(PortError::failed("passwords", error).into()),
        }
    }
}

fn argon2() -> argon2::password_hash::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_costs_what_a_real_one_does() {
        let nobody = PasswordHash::new(NOBODYS_HASH).expect("a PHC string");
        let salt = SaltString::encode_b64(&[7; 16]).expect("a salt");
        let argon2 = argon2().expect("parameters");
        let real = argon2.hash_password(b"secret", &salt).expect("hashes");
        assert_eq!(nobody.params, real.params);
        assert_eq!(nobody.algorithm, real.algorithm);
        assert_eq!(nobody.version, real.version);
        assert_eq!(nobody.hash.map(|h| h.len()), real.hash.map(|h| h.len()));
        assert!(argon2.verify_password(b"secret", &real).is_ok());
        assert!(argon2.verify_password(b"other", &real).is_err());
        assert!(argon2.verify_password(b"", &nobody).is_err());
    }
}
