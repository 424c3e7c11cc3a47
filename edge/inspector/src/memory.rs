//! Memory without a standard library: the allocator, and what the canonical ABI asks of it.

#![expect(
    unsafe_code,
    reason = "the canonical ABI wants a realloc that std would bring"
)]

use alloc::alloc::{Layout, alloc, realloc};
use core::ptr;

#[global_allocator]
static MEMORY: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Gives the caller room for arguments. Their owner is the generated code, which frees them through the
/// same allocator.
///
/// # Safety
/// `old` and `old_len` are those of an earlier call with the same `align`, or both 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_len: usize,
    align: usize,
    new_len: usize,
) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(old_len.max(1), align) else {
        core::arch::wasm32::unreachable()
    };
    if new_len == 0 {
        return ptr::without_provenance_mut(align);
    }
    let made = if old_len == 0 {
        let Ok(layout) = Layout::from_size_align(new_len, align) else {
            core::arch::wasm32::unreachable()
        };
        // SAFETY: the layout is not empty.
        unsafe { alloc(layout) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { realloc(old, layout, new_len) }
    };
    if made.is_null() {
        core::arch::wasm32::unreachable()
    } else {
        made
    }
}
