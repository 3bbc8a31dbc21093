//! One run of an `ort` session through the runtime's C interface.
//!
//! `Session::run` of ort 2.0.0-rc.14 takes the type of every output from the runtime and never gives
//! it back: about a hundred bytes a run, on either runtime, for as long as the process lives. Here
//! everything that is taken is given back. Must never: read an output of another size than wanted, or
//! keep a pointer after the run. Serving thread or loader, one run at a time.
#![allow(unsafe_code, reason = "the FFI edge of the ort back ends")]

use crate::backend::BackendError;
use ort::value::Tensor;
use ort::{AsPointer, session::Session, sys};
use std::ffi::{CStr, CString};
use std::ptr::{self, NonNull};

/// Runs over one input and hands the one output's `wanted` numbers to `take`.
///
/// The session's output of this name must be of type f32, which its loading has checked.
pub(super) fn run(
    session: &mut Session,
    input: (&str, &Tensor<f32>),
    output: &str,
    wanted: usize,
    take: impl FnOnce(&[f32]),
) -> Result<(), BackendError> {
    let (input_name, output_name) = (CString::new(input.0)?, CString::new(output)?);
    let (inputs, outputs) = ([input_name.as_ptr()], [output_name.as_ptr()]);
    let value = [input.1.ptr()];
    let mut found = [ptr::null_mut()];
    // JUSTIFICATION: the safe call leaks at every run.
    // SAFETY: session and input are live and ours alone; each array has the one element its count
    // says, names end in a zero byte, and a null place for the output asks the runtime to make it.
    let status = unsafe {
        (ort::api().Run)(
            session.ptr_mut(),
            ptr::null(),
            inputs.as_ptr(),
            value.as_ptr(),
            inputs.len(),
            outputs.as_ptr(),
            outputs.len(),
            found.as_mut_ptr(),
        )
    };
    check(status)?;
    let [found] = found;
    let value = Output(NonNull::new(found).ok_or_else(|| format!("no output {output}"))?);
    take(value.numbers(wanted)?);
    Ok(())
}

/// An output the runtime made for us; given back when dropped.
struct Output(NonNull<sys::OrtValue>);

impl Output {
    fn count(&self) -> Result<usize, BackendError> {
        let mut info = ptr::null_mut();
        // JUSTIFICATION: as in `run`.
        // SAFETY: the value is live; the runtime writes one pointer.
        check(unsafe { (ort::api().GetTensorTypeAndShape)(self.0.as_ptr(), &raw mut info) })?;
        let mut count = 0;
        // JUSTIFICATION: as in `run`.
        // SAFETY: `info` is what the call above made; the runtime writes one number.
        let status = unsafe { (ort::api().GetTensorShapeElementCount)(info, &raw mut count) };
        // JUSTIFICATION: as in `run`.
        // SAFETY: made above, given back once, not used after.
        unsafe { (ort::api().ReleaseTensorTypeAndShapeInfo)(info) };
        check(status)?;
        Ok(count)
    }

    fn numbers(&self, wanted: usize) -> Result<&[f32], BackendError> {
        let count = self.count()?;
        if count != wanted {
            return Err(format!("{count} numbers where {wanted} are wanted").into());
        }
        let mut data = ptr::null_mut();
        // JUSTIFICATION: as in `run`.
        // SAFETY: the value is live and no one else's; the runtime writes one pointer.
        check(unsafe { (ort::api().GetTensorMutableData)(self.0.as_ptr(), &raw mut data) })?;
        let data = NonNull::new(data.cast::<f32>()).ok_or("an output without data")?;
        // JUSTIFICATION: as in `run`.
        // SAFETY: the runtime holds `count` numbers of type f32 there, aligned for them, for as long
        // as the value lives, which the borrow of `self` sees to.
        Ok(unsafe { std::slice::from_raw_parts(data.as_ptr(), count) })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // JUSTIFICATION: as in `run`.
        // SAFETY: made by the runtime for us, given back once.
        unsafe { (ort::api().ReleaseValue)(self.0.as_ptr()) };
    }
}

fn check(status: sys::OrtStatusPtr) -> Result<(), BackendError> {
    let Some(status) = NonNull::new(status.0) else { return Ok(()) };
    // JUSTIFICATION: as in `run`.
    // SAFETY: the status is live; its message is a C string that lives as long.
    let message = unsafe { CStr::from_ptr((ort::api().GetErrorMessage)(status.as_ptr())) };
    let message = message.to_string_lossy().into_owned();
    // JUSTIFICATION: as in `run`.
    // SAFETY: made by the runtime for us, given back once, its message copied.
    unsafe { (ort::api().ReleaseStatus)(status.as_ptr()) };
    Err(message.into())
}
