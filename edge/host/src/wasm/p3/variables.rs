//! `spin:variables/variables@3.0.0`: a component reads the variables that its own table grants it.

use wasmtime::component::{Accessor, HasData, Linker};

use super::Guest;
use crate::variables::Missing;
use crate::wasm::Grants;
use generated::spin::variables::variables::{self, Error, Host, HostWithStore};

mod generated {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "spin:variables/host",
    });
}

struct Granted;

impl HasData for Granted {
    type Data<'a> = &'a Grants;
}

impl Host for &Grants {}

impl<T> HostWithStore<T> for Granted {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, Error> {
        accessor.with(|mut access| {
            let grants: &Grants = access.get();
            match grants.variables.get(&name) {
                Ok(value) => Ok(value.to_owned()),
                Err(Missing::InvalidName) => Err(Error::InvalidName(name)),
                Err(Missing::Undefined) => Err(Error::Undefined(format!(
                    "component {:?} has no variable {name:?}",
                    grants.id
                ))),
            }
        })
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    variables::add_to_linker::<Guest, Granted>(linker, |guest| &guest.grants)
}
