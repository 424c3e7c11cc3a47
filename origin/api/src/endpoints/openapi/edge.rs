//! What edges answer themselves. Only the annotations matter: these functions are never called.

#![expect(dead_code, reason = "what is used of a function is its annotation")]

use sluicegate_contract::uploads::{Purpose, Upload};
use utoipa::ToSchema;

/// Bytes as they are.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct Bytes(Vec<u8>);

/// The file is the last part. Other fields before it are passed over.
#[derive(ToSchema)]
struct UploadForm {
    /// What the picture is for, if the address does not say so
    purpose: Option<Purpose>,
    /// The picture
    file: Bytes,
}

/// The picture is the body. Content decides: name and declared type are advisory. The first 64 KiB are
/// inspected before anything is stored, and the answer names the picture's address, which never changes.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    tag = "uploads",
    operation_id = "upload",
    summary = "Upload a picture",
    description = "The picture is the body, or the last part of a form: at most 10 MiB of JPEG, PNG or WebP. What it \
        is decides its content: name and declared type are advisory. The answer names the picture's address, \
        which never changes.",
    params(
        ("purpose" = Option<Purpose>, Query, description = "What the picture is for; a form may say so in a field"),
        ("repr-digest" = Option<String>, Header, description = "`sha-256=:<base64>:` of the picture (RFC 9530); not of a form"),
        ("idempotency-key" = Option<String>, Header, description = "Names the upload for 24 hours: a repeat with the same key is answered as the first one was. Purpose, length, `Repr-Digest` and the first 64 KiB of the file are compared, and another upload is refused; with `Repr-Digest` the whole file is compared"),
    ),
    request_body(content(
        (Bytes = "application/octet-stream"),
        (UploadForm = "multipart/form-data"),
    )),
    security(("token" = [])),
    responses((
        status = 201,
        description = "Stored; its picture will be made",
        body = Upload,
        headers(("location" = String, description = "Where to see how far it is"))
    )),
    extensions(("x-problems" = json!([
        "forbidden", "not-found", "conflict", "upload-expired", "length-required", "picture-refused",
        "content-refused", "idempotency-key-reused", "too-many-requests", "storage-full",
    ])))
)]
fn upload() {}

#[utoipa::path(
    get,
    path = "/media/{key}",
    tag = "media",
    operation_id = "show_picture",
    summary = "Get a picture",
    description = "Always WebP. A picture that is not made yet is made for whoever asks first. `HEAD` answers the same \
        without the picture.",
    params(
        ("key" = sluicegate_contract::media::MediaKey, Path),
        ("range" = Option<String>, Header, description = "One range of bytes (RFC 9110)"),
        ("if-none-match" = Option<String>, Header, description = "Entity tags that are known"),
        ("if-match" = Option<String>, Header, description = "Entity tags of which one must fit"),
        ("if-range" = Option<String>, Header, description = "The entity tag that a range belongs to"),
    ),
    responses(
        (status = 200, description = "The picture", body = Bytes, content_type = "image/webp"),
        (status = 206, description = "The range that was asked for", body = Bytes, content_type = "image/webp"),
        (status = 304, description = "It has not changed"),
    ),
    extensions(("x-problems" = json!(["precondition-failed", "range-not-satisfiable"])))
)]
fn show_picture() {}

#[utoipa::path(
    get,
    path = "/healthz",
    tag = "documents",
    operation_id = "is_alive",
    summary = "Whether the edge is there",
    responses((status = 200, description = "It is", body = String, content_type = "text/plain"))
)]
fn is_alive() {}
