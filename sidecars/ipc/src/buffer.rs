//! The receive buffer: room for the largest frame, aligned for in-place decoding.
//!
//! Must never: grow. One allocation when it is made, on the thread that adds the socket.

use wire::frame::MAX_FRAME_BYTES;

/// Room for one frame of the largest size, aligned to 8 bytes as [`wire::decode`] asks.
pub struct FrameBuffer {
    words: Box<[u64]>,
}

impl FrameBuffer {
    /// A zeroed buffer of [`MAX_FRAME_BYTES`].
    #[must_use]
    pub fn new() -> Self {
        Self { words: vec![0; MAX_FRAME_BYTES / size_of::<u64>()].into_boxed_slice() }
    }

    /// The whole buffer.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words)
    }

    /// The whole buffer, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.words)
    }

    /// The whole buffer as words, to be written.
    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }
}

impl Default for FrameBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for FrameBuffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FrameBuffer").field("bytes", &self.bytes().len()).finish()
    }
}
