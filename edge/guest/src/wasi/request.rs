//! What comes from the client, and what goes back.

use sluicegate_policy::headers::{HeaderList, single};
use sluicegate_policy::trace::Trace;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Method, Request, Response};

use super::stream::{Source, nothing, pipe, taken};
use crate::{Answer, Body, Content, Incoming};

/// Takes a request apart; `trace` names it by its headers.
pub fn incoming(request: Request, trace: impl FnOnce(&HeaderList) -> Trace) -> Incoming {
    let method = method_name(request.get_method());
    let target = request
        .get_path_with_query()
        .unwrap_or_else(|| "/".to_owned());
    let headers = request.get_headers().copy_all();
    let trace = trace(&headers);
    let waits =
        single(&headers, "expect").is_some_and(|it| it.eq_ignore_ascii_case("100-continue"));
    let source = if may_have_body(&method, &headers) {
        let (done, take) = taken();
        let (stream, ending) = Request::consume_body(request, take);
        Source::new(stream, ending, Some(done))
    } else {
        Source::empty()
    };
    let body = Body::new(source, waits);
    Incoming {
        method,
        target,
        headers,
        body,
        trace,
    }
}

/// A stream that nobody reads costs several calls of the host's. Transfer codings are hidden from components, so what
/// usually has a body may have one without a length; nobody looks at that of a `GET`.
fn may_have_body(method: &str, headers: &HeaderList) -> bool {
    match single(headers, "content-length") {
        Some("0") => false,
        Some(_) => true,
        None => !matches!(method, "GET" | "HEAD" | "OPTIONS"),
    }
}

/// Puts an answer together. One to a HEAD request keeps its headers and loses its content.
pub fn response(answer: Answer, is_head: bool) -> Result<Response, ErrorCode> {
    let headers = Fields::from_list(&answer.headers)
        .map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    let (stream, ending) = match answer.content {
        _ if is_head => (None, nothing()),
        Content::Empty => (None, nothing()),
        Content::Bytes(bytes) => {
            let (mut sink, source) = pipe();
            super::spawn(async move {
                if sink.write(bytes).await.is_ok() {
                    sink.finish().await;
                }
            });
            source.into_parts()
        }
        Content::Stream(body) => body.into_source().into_parts(),
    };
    let (response, _sent) = Response::new(headers, stream, ending);
    let _ = response.set_status_code(answer.status);
    Ok(response)
}

fn method_name(method: Method) -> String {
    let name = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    };
    name.to_owned()
}

pub(super) fn method_of(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}
