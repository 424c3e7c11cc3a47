//! Parameters that may be left out.

use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::refusals::operations;

/// A parameter is there or not; unlike a member of JSON it cannot be null.
pub(super) fn simplify(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    let parameters = items
        .flat_map(operations)
        .flat_map(|operation| operation.parameters.iter_mut().flatten());
    for parameter in parameters {
        if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
            && let SchemaType::Array(types) = &schema.schema_type
            && let [only, Type::Null] = types.as_slice()
        {
            schema.schema_type = SchemaType::Type(only.clone());
        }
    }
}
