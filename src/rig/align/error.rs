//! Why no alignment was found.

/// Why two cameras could not be aligned.
#[derive(Debug, thiserror::Error)]
pub enum AlignError {
    /// No board was seen by both cameras.
    #[error("no board was found in pictures of both cameras: show the whole board to both")]
    NoView,
    /// The corners contradict each other.
    #[error(
        "the corners fit no map between the cameras: take the views again, with the board still"
    )]
    NoWarp,
    /// The common part is too small.
    #[error(
        "the cameras see too little in common ({seen} event pixels wide): turn one of them until \
         both see the same"
    )]
    NoOverlap {
        /// Width of what both see, in pixels of the event camera.
        seen: usize,
    },
}
