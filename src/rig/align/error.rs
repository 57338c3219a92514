//! Errors of the alignment.

/// Why two cameras could not be aligned.
#[derive(Debug, thiserror::Error)]
pub enum AlignError {
    /// No board was seen by both cameras.
    #[error("the board was not found in the images of both cameras: show the whole board to both")]
    NoView,
    /// The corners contradict each other.
    #[error(
        "no map between the cameras fits the corners: repeat the views with the board held still"
    )]
    NoWarp,
    /// The common field of view is too small.
    #[error(
        "the common field of view is too small ({seen} event pixels wide): turn one camera until \
         both see the same scene"
    )]
    NoOverlap {
        /// Width of the common field of view, in pixels of the event camera.
        seen: usize,
    },
}
