//! Bodies.

use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Request, Response, Trailers};
use spin_sdk::wasip3::wit_bindgen::{FutureReader, StreamReader, StreamResult};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

type Ending = Result<Option<Trailers>, ErrorCode>;

pub(crate) type Body = (Option<StreamReader<u8>>, FutureReader<Ending>);

const PIECE: usize = 64 * 1024;

pub(crate) fn nothing() -> Body {
    (None, complete())
}

fn complete() -> FutureReader<Ending> {
    wit_future::new(|| Ok(None)).1
}

fn incomplete() -> Ending {
    Err(ErrorCode::InternalError(Some("given up".to_owned())))
}

pub(crate) fn take(request: Request) -> Body {
    let (_, taken) = wit_future::new(|| Ok(()));
    let (stream, ending) = Request::consume_body(request, taken);
    (Some(stream), ending)
}

pub(crate) fn request(body: Body) -> Request {
    Request::new(Fields::new(), body.0, body.1, None).0
}

fn response(status: u16, body: Body) -> Response {
    let (response, _sent) = Response::new(Fields::new(), body.0, body.1);
    let _ = response.set_status_code(status);
    response
}

pub(crate) fn text(status: u16, text: String) -> Response {
    let (mut writer, reader) = wit_stream::new();
    spawn(async move {
        writer.write_all(text.into_bytes()).await;
    });
    response(status, (Some(reader), complete()))
}

/// The request's body, unread.
pub(crate) fn hand_on(request: Request) -> Response {
    response(200, take(request))
}

/// The request's body, piece by piece through the component's memory.
pub(crate) fn pump(request: Request) -> Response {
    let (Some(mut from), _) = take(request) else {
        return response(200, nothing());
    };
    let (mut to, reader) = wit_stream::new();
    spawn(async move {
        let mut buffer = Vec::with_capacity(PIECE);
        loop {
            let (result, piece) = from.read(buffer).await;
            if piece.is_empty() && !matches!(result, StreamResult::Complete(_)) {
                break;
            }
            buffer = to.write_all(piece).await;
            if !buffer.is_empty() {
                break;
            }
            buffer.reserve(PIECE);
        }
    });
    response(200, (Some(reader), complete()))
}

/// Reads the request's body to its end, and tells its length; 400 where that end never comes.
pub(crate) async fn count(request: Request) -> Response {
    let (Some(mut from), ending) = take(request) else {
        return text(200, 0.to_string());
    };
    let mut total = 0;
    let mut buffer = Vec::with_capacity(PIECE);
    loop {
        let (result, mut piece) = from.read(buffer).await;
        total += piece.len();
        if piece.is_empty() && !matches!(result, StreamResult::Complete(_)) {
            break;
        }
        piece.clear();
        buffer = piece;
    }
    match ending.await {
        Ok(_) => text(200, total.to_string()),
        Err(_) => text(400, "cut short".to_owned()),
    }
}

/// Refuses, and reads the body all the same, so that the client sees why.
pub(crate) fn refuse(request: Request) -> Response {
    spawn(async move {
        count(request).await;
    });
    text(401, "refused".to_owned())
}

/// A body of which some comes, and then the word that the rest never will.
pub(crate) fn aborted() -> Body {
    let (mut writer, reader) = wit_stream::new();
    let (ending, ended) = wit_future::new(incomplete);
    spawn(async move {
        writer.write_all(vec![b'x'; 1 << 20]).await;
        let _ = ending.write(incomplete()).await;
    });
    (Some(reader), ended)
}

/// A response of which some comes before `then` happens.
pub(crate) fn begin_and(then: impl FnOnce() + 'static) -> Response {
    let (mut writer, reader) = wit_stream::new();
    spawn(async move {
        writer.write_all(vec![b'x'; 1000]).await;
        then();
    });
    response(200, (Some(reader), complete()))
}
