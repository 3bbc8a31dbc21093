//! A library to be preloaded: counts what each thread of a program asks of the C allocator, in a
//! file that others may look at while it runs. Built as `liballocations.so`; the soak loads it into
//! the real programs, which so need no build of their own to be looked at.
//!
//! The folder is named by `CORELANE_ALLOCATIONS`, the file by the process id: 16 bytes a thread, its
//! id and its calls so far, in the machine's byte order. Must never: change what the allocator does,
//! or ask it for memory while counting.
#![expect(unsafe_code, reason = "it stands in for the C library's allocator")]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// One thread's entry.
#[repr(C)]
struct Entry {
    thread: AtomicU64,
    calls: AtomicU64,
}

/// Threads that have an entry of their own; all later ones share the last.
const ENTRIES: usize = 1024;

static FIRST: AtomicPtr<Entry> = AtomicPtr::new(null_mut());
static TAKEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MINE: Cell<*const Entry> = const { Cell::new(null()) };
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

/// Opens the file; without one nothing is counted.
extern "C" fn begin() {
    // SAFETY: the name ends with a zero, and no other thread runs yet.
    let folder = unsafe { libc::getenv(c"CORELANE_ALLOCATIONS".as_ptr()) };
    if folder.is_null() {
        return;
    }
    // SAFETY: `getenv` gave a string that ends with a zero and stays where it is.
    let folder = unsafe { CStr::from_ptr(folder) };
    let mut path = folder.to_bytes().to_vec();
    path.extend_from_slice(format!("/{}", std::process::id()).as_bytes());
    let Ok(path) = CString::new(path) else { return };
    let bytes = ENTRIES * size_of::<Entry>();
    let flags = libc::O_CREAT | libc::O_RDWR | libc::O_TRUNC | libc::O_CLOEXEC;
    // SAFETY: the path ends with a zero.
    let file = unsafe { libc::open(path.as_ptr(), flags, 0o600) };
    let Ok(length) = libc::off_t::try_from(bytes) else { return };
    // SAFETY: a bad descriptor is refused.
    if file < 0 || unsafe { libc::ftruncate(file, length) } != 0 {
        return;
    }
    let both = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a shared mapping of the whole new file, at an address of the kernel's choice.
    let at = unsafe { libc::mmap(null_mut(), bytes, both, libc::MAP_SHARED, file, 0) };
    // SAFETY: the descriptor is ours; the mapping stays.
    unsafe { libc::close(file) };
    if at != libc::MAP_FAILED {
        // ORDERING: release; pairs with the acquire in `count`: the mapping is there.
        FIRST.store(at.cast(), Ordering::Release);
    }
}

fn count() {
    // ORDERING: acquire; pairs with the release in `begin`.
    let first = FIRST.load(Ordering::Acquire);
    if first.is_null() {
        return;
    }
    // A thread that is ending may have no cell any more.
    let _ = MINE.try_with(|mine| {
        if mine.get().is_null() {
            // ORDERING: relaxed; each number is taken once, and nothing else hangs on it.
            let number = TAKEN.fetch_add(1, Ordering::Relaxed).min(ENTRIES - 1);
            let entry = first.wrapping_add(number);
            // SAFETY: gettid has no precondition.
            let thread = u64::try_from(unsafe { libc::gettid() }).unwrap_or(0);
            // SAFETY: the mapping holds `ENTRIES` entries, is never unmapped, and is only ever
            // touched as atomics.
            // ORDERING: relaxed; whoever looks takes each word for itself.
            unsafe { (*entry).thread.store(thread, Ordering::Relaxed) };
            mine.set(entry);
        }
        // SAFETY: as above; the cell holds an entry of that mapping.
        // ORDERING: relaxed, as above.
        unsafe { (*mine.get()).calls.fetch_add(1, Ordering::Relaxed) };
    });
}

// The allocator behind the names, as the GNU C library exports it.
unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(at: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_free(at: *mut c_void);
}

/// Counted.
///
/// # Safety
/// As the C library's, for all of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller's promises are passed on.
    unsafe { __libc_malloc(size) }
}

/// Counted.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(items: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller's promises are passed on.
    unsafe { __libc_calloc(items, size) }
}

/// Counted.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(at: *mut c_void, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller's promises are passed on.
    unsafe { __libc_realloc(at, size) }
}

/// Counted.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(at: *mut c_void) {
    count();
    // SAFETY: the caller's promises are passed on.
    unsafe { __libc_free(at) }
}

/// Counted.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller's promises are passed on.
    unsafe { __libc_memalign(align, size) }
}

/// Counted.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller's promises are passed on.
    unsafe { __libc_memalign(align, size) }
}

/// Counted.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, align: usize, size: usize) -> c_int {
    count();
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*const c_void>()) {
        return libc::EINVAL;
    }
    // SAFETY: the caller's promises are passed on; the alignment was looked at.
    let at = unsafe { __libc_memalign(align, size) };
    if at.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller says where to put it.
    unsafe { *to = at };
    0
}
