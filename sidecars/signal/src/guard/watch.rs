//! The watch: a thread of the least priority that looks at memory every so often and wakes the loader
//! where the CPU model must take over or the GPU's may come back.
//!
//! Must never: load or free a model, or hold anything the serving thread waits for.

use super::gate::Gate;
use crate::error::ModelError;
use crate::sys;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The thread; dropped, it has ended.
#[derive(Debug)]
pub(crate) struct Watch {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts it; it looks every `every` and calls `after` each time.
    pub(crate) fn start(
        gate: Arc<Gate>,
        every: Duration,
        mut after: impl FnMut() + Send + 'static,
    ) -> Result<Self, ModelError> {
        let (end, ends) = channel::<()>();
        let (ready, wait) = channel();
        let thread = std::thread::Builder::new()
            .name("guard".into())
            .spawn(move || {
                // Before anybody closes the sandbox. A kernel that refuses leaves it as it was: it
                // then costs what it costs, a few file reads a look.
                let _as_it_was = sys::least_priority();
                let _heard = ready.send(());
                while ends.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                    gate.look();
                    after();
                }
            })
            .map_err(|source| ModelError::System { call: "clone", source })?;
        // Its end is seen by whoever joins it.
        let _started = wait.recv();
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; it holds nothing.
            let _panicked = thread.join();
        }
    }
}
