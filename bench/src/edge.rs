//! The edge and a native proxy, turn by turn, before the same stand-in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_NONE_MATCH};
use http::{Method, StatusCode};
use sluicegate_tests::fixtures;
use sluicegate_tests::process::{Program, program};

use crate::backend::{KEYS, PICTURE, PICTURE_BYTES};
use crate::http::{Ask, Client};
use crate::load::{Run, Size, run};
use crate::proxy::BACKEND;
use crate::report::{number, table};
use crate::tokens::{self, SECRET};
use crate::usage::{Cpu, cpu, peak_memory};

/// Components are compiled once, which takes a while on a loaded machine.
const START_LIMIT: Duration = Duration::from_mins(3);
/// Each load comes so often from each side, in turns: what else the machine does hits both.
const ROUNDS: usize = 5;
const SMALL_AT_ONCE: usize = 64;
const LARGE_AT_ONCE: usize = 4;

#[derive(Clone, Copy)]
enum Load {
    Upload,
    Download,
    Get,
    NotModified,
}

/// What is measured.
struct Case {
    name: &'static str,
    load: Load,
    /// Whether tokens are signed with keys.
    with_keys: bool,
    /// So much comes before it counts, for connections, remembered grants and compiled code.
    before: usize,
    /// The full count of one round.
    full: usize,
    expected: &'static str,
}

/// As many as make nearly every instance meet nearly every token.
const ALL_MET: usize = 60_000;

const CASES: [Case; 6] = [
    Case::new("upload of 10 MB, sniffed", Load::Upload, 60, "0.7"),
    Case::new("download of 10 MB, handed on", Load::Download, 100, "1.0"),
    Case::new("authenticated GET, HS256", Load::Get, 10_000, "0.4").after(ALL_MET),
    Case::new("the same, EdDSA, new tokens", Load::Get, 10_000, "").with_keys(),
    Case::new("the same, EdDSA, known tokens", Load::Get, 10_000, "0.4")
        .with_keys()
        .after(ALL_MET),
    Case::new("304", Load::NotModified, 10_000, ""),
];

impl Case {
    const fn new(name: &'static str, load: Load, full: usize, expected: &'static str) -> Self {
        Self {
            name,
            load,
            with_keys: false,
            before: 8,
            full,
            expected,
        }
    }

    const fn with_keys(self) -> Self {
        Self {
            with_keys: true,
            ..self
        }
    }

    const fn after(self, before: usize) -> Self {
        Self { before, ..self }
    }
}

/// A proxy under load, and what its process has used.
struct Side {
    url: String,
    program: Program,
}

impl Side {
    fn pid(&self) -> Result<i32> {
        Ok(self.program.pid()?.as_raw_nonzero().get())
    }
}

/// Both sides for one way of signing tokens.
struct Pair {
    native: Side,
    edge: Side,
    tokens: Arc<Vec<String>>,
}

pub(crate) async fn main(size: Size) -> Result<()> {
    let (by_key, keys) = tokens::by_key()?;
    let mut backend = start(&["backend"], &[(KEYS, &keys)])?;
    let backend_url = backend.wait_for_line("listening on ", START_LIMIT).await?;
    let by_secret = pair(&backend_url, tokens::by_secret()?, None).await?;
    let by_key = pair(&backend_url, by_key, Some(&keys)).await?;
    let client = Client::new();
    let mut rows = Vec::new();
    for case in CASES {
        println!("{} …", case.name);
        let pair = if case.with_keys { &by_key } else { &by_secret };
        let (load, total) = (case.load, size.of(case.full));
        let (mut native, mut edge) = (Measured::default(), Measured::default());
        for side in [&pair.native, &pair.edge] {
            measure(&client, side, pair, load, size.of(case.before)).await?;
        }
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let (of_native, of_edge) = (
                measure(&client, &pair.native, pair, load, total).await?,
                measure(&client, &pair.edge, pair, load, total).await?,
            );
            ratios.push(of_edge.run.per_second() / of_native.run.per_second().max(f64::EPSILON));
            native.add(of_native);
            edge.add(of_edge);
        }
        rows.push(row(&case, &native, &edge, ratios));
    }
    println!();
    let head = [
        "load",
        "native",
        "edge",
        "ratio",
        "by round",
        "expected",
        "CPU native",
        "CPU edge",
        "p95 edge",
    ];
    table(&head, &rows);
    println!();
    let memory = |side: &Side| peak_memory(side.pid()?);
    println!(
        "most memory: native {} MiB, edge {} MiB (tokens by secret); native {} MiB, edge {} MiB (by key)",
        memory(&by_secret.native)?,
        memory(&by_secret.edge)?,
        memory(&by_key.native)?,
        memory(&by_key.edge)?,
    );
    Ok(())
}

async fn pair(backend_url: &str, tokens: Vec<String>, keys: Option<&str>) -> Result<Pair> {
    let mut environment = vec![(BACKEND, backend_url)];
    environment.extend(keys.map(|keys| (KEYS, keys)));
    let mut native = start(&["proxy"], &environment)?;
    let url = native.wait_for_line("listening on ", START_LIMIT).await?;
    let native = Side {
        url,
        program: native,
    };
    Ok(Pair {
        native,
        edge: start_edge(backend_url, keys.is_none()).await?,
        tokens: Arc::new(tokens),
    })
}

fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Program> {
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Program::start(&std::env::current_exe()?, arguments, &environment)
}

async fn start_edge(backend_url: &str, by_secret: bool) -> Result<Side> {
    let secret = if by_secret { SECRET } else { "" };
    let environment = [
        ("SPIN_VARIABLE_ORIGIN_URL", backend_url),
        ("SPIN_VARIABLE_STORE_URL", backend_url),
        ("SPIN_VARIABLE_JWT_SECRET", secret),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml");
    let edge = program("sluicegate-edge")?;
    let cache = edge.with_file_name("edge-cache");
    let (app, cache) = (app.to_string_lossy(), cache.to_string_lossy());
    let arguments = [
        "--app",
        &app,
        "--listen",
        "127.0.0.1:0",
        "--cache-dir",
        &cache,
    ];
    let mut program = Program::start(&edge, &arguments, &environment)?;
    let url = program.wait_for_line("listening on ", START_LIMIT).await?;
    Ok(Side { url, program })
}

#[derive(Default)]
struct Measured {
    run: Run,
    cpu: Duration,
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.run.add(other.run);
        self.cpu += other.cpu;
    }
}

async fn measure(
    client: &Client,
    side: &Side,
    pair: &Pair,
    load: Load,
    total: usize,
) -> Result<Measured> {
    let pid = side.pid()?;
    let before = cpu(pid)?;
    let run = drive(client, &side.url, Arc::clone(&pair.tokens), load, total).await?;
    let Cpu { own, .. } = cpu(pid)?.since(before);
    Ok(Measured { run, cpu: own })
}

async fn drive(
    client: &Client,
    url: &str,
    tokens: Arc<Vec<String>>,
    load: Load,
    total: usize,
) -> Result<Run> {
    let (client, picture) = (client.clone(), format!("{url}/media/{PICTURE}.webp"));
    let me = format!("{url}/v1/me");
    let upload = format!("{url}/v1/uploads?purpose=avatar");
    match load {
        Load::Get => {
            run(total, SMALL_AT_ONCE, move |number| {
                let (client, me, tokens) = (client.clone(), me.clone(), Arc::clone(&tokens));
                async move {
                    let token = tokens.get(number % tokens.len()).context("a token")?;
                    let ask = Ask {
                        token: Some(token),
                        ..Ask::get(&me)
                    };
                    client.drain(ask, StatusCode::OK).await
                }
            })
            .await
        }
        Load::NotModified => {
            let etag = client.header(&picture, "etag").await?;
            run(total, SMALL_AT_ONCE, move |_| {
                let (client, picture, etag) = (client.clone(), picture.clone(), etag.clone());
                async move {
                    let header = Some((IF_NONE_MATCH, etag.as_str()));
                    let ask = Ask {
                        header,
                        ..Ask::get(&picture)
                    };
                    client.drain(ask, StatusCode::NOT_MODIFIED).await
                }
            })
            .await
        }
        Load::Download => {
            run(total, LARGE_AT_ONCE, move |_| {
                let (client, picture) = (client.clone(), picture.clone());
                async move { client.drain(Ask::get(&picture), StatusCode::OK).await }
            })
            .await
        }
        Load::Upload => {
            let mut file = fixtures::read("photo.jpg")?;
            file.resize(PICTURE_BYTES, 0);
            let file = Bytes::from(file);
            run(total, LARGE_AT_ONCE, move |number| {
                let (client, upload, file) = (client.clone(), upload.clone(), file.clone());
                let tokens = Arc::clone(&tokens);
                async move {
                    let token = tokens.get(number % tokens.len()).context("a token")?;
                    let ask = Ask {
                        method: Method::POST,
                        header: Some((CONTENT_TYPE, "application/octet-stream")),
                        ..Ask::post(&upload, token, file)
                    };
                    client.drain(ask, StatusCode::CREATED).await?;
                    Ok(u64::try_from(PICTURE_BYTES)?)
                }
            })
            .await
        }
    }
}

fn row(case: &Case, native: &Measured, edge: &Measured, mut ratios: Vec<f64>) -> Vec<String> {
    ratios.sort_unstable_by(f64::total_cmp);
    let span = match (ratios.first(), ratios.last()) {
        (Some(least), Some(most)) => format!("{} to {}", number(*least), number(*most)),
        _ => String::new(),
    };
    let is_large = matches!(case.load, Load::Upload | Load::Download);
    let rate = |measured: &Measured| {
        if is_large {
            measured.run.megabytes_per_second()
        } else {
            measured.run.per_second()
        }
    };
    let unit = if is_large { "MB/s" } else { "/s" };
    // What one operation costs the proxy itself, whoever else is at work on the machine.
    let each = |measured: &Measured| {
        let operations = u32::try_from(measured.run.done.max(1)).unwrap_or(u32::MAX);
        format!("{:.2} ms", (measured.cpu / operations).as_secs_f64() * 1e3)
    };
    vec![
        case.name.to_owned(),
        format!("{} {unit}", number(rate(native))),
        format!("{} {unit}", number(rate(edge))),
        number(rate(edge) / rate(native).max(f64::EPSILON)),
        span,
        case.expected.to_owned(),
        each(native),
        each(edge),
        format!("{:.1} ms", edge.run.percentile(95).as_secs_f64() * 1e3),
    ]
}
