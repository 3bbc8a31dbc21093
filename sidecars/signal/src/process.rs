//! What the server's process asks of the kernel before it serves.
//!
//! Must never: be called by a library user that has signal handlers of its own. Main thread.

use crate::error::ModelError;
use crate::sys;

/// Makes SIGTERM and SIGINT end [`crate::server::Server::run`] cleanly, and, if asked, makes the
/// end of the parent do the same.
///
/// The kernel watches the parent's *thread* that started this process: start it from a thread
/// that lives as long as the parent.
///
/// # Errors
/// [`ModelError::System`] where the sandbox refuses.
pub fn set_up(shutdown_with_parent: bool) -> Result<(), ModelError> {
    sys::catch_end_signals().map_err(|source| ModelError::System { call: "sigaction", source })?;
    if shutdown_with_parent {
        sys::end_with_parent().map_err(|source| ModelError::System { call: "prctl", source })?;
    }
    Ok(())
}
