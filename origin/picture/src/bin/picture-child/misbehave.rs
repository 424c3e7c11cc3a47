use std::io::{self, Read, Write};
use std::process::ExitCode;

/// As a decoder that never comes to an end.
pub(crate) fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// As a decoder that allocates what a header asks for.
pub(crate) fn hog() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1_u8; 16 * 1024 * 1024]);
        std::hint::black_box(&kept);
    }
}

#[expect(clippy::panic, reason = "this is what is tried")]
pub(crate) fn panic() -> ! {
    panic!("as a decoder does");
}

/// Answers without end.
pub(crate) fn flood() -> ExitCode {
    let mut out = io::stdout().lock();
    while out.write_all(&[b'x'; 4096]).is_ok() {}
    ExitCode::SUCCESS
}

/// Reads everything and says nothing.
pub(crate) fn wait() -> ! {
    let _ = io::stdin().lock().read_to_end(&mut Vec::new());
    loop {
        std::thread::park();
    }
}

/// Neither reads nor answers.
pub(crate) fn deaf() -> ! {
    loop {
        std::thread::park();
    }
}

/// What a decoder that was taken over might answer.
pub(crate) fn lie() -> ExitCode {
    let _ = io::stdin().lock().read_to_end(&mut Vec::new());
    let page = "<script>alert(1)</script>";
    let hash = "L".repeat(28);
    let length = page.len();
    print!(
        "{{\"made\":{{\"width\":1,\"height\":1,\"blurhash\":\"{hash}\",\"perceptual_hash\":1,\"webp\":{length},\"preview\":0}}}}\n{page}"
    );
    ExitCode::SUCCESS
}
