//! Launches that follow one another, captured as one graph where the driver can.

use super::arguments::Address;
use super::device::{Device, Launch};
use super::error_text::text;
use cudarc::driver::{CudaGraph, CudaStream, DriverError, result, sys};
use std::sync::Arc;

/// Launches on one stream, and the same as a graph.
pub(super) struct Work {
    pub(super) stream: Arc<CudaStream>,
    /// Memory that is zeroed first: address and bytes.
    clear: Option<(Address, usize)>,
    pub(super) launches: Vec<Launch>,
    /// The captured graph, or why there is none: then the launches run one by one.
    pub(super) graph: Result<Graph, String>,
}

pub(super) struct Graph(CudaGraph);

// SAFETY: the driver's graph handles may be used from any thread, one at a time; the engine that
// owns them is used through `&mut`.
unsafe impl Send for Graph {}

impl Work {
    /// Captures `launches` on `stream`, after zeroing `clear`.
    pub(super) fn capture(
        device: &Device,
        stream: &Arc<CudaStream>,
        clear: Option<(Address, usize)>,
        launches: Vec<Launch>,
    ) -> Self {
        let graph = Err("nothing was captured".to_owned());
        let mut work = Self { stream: stream.clone(), clear, launches, graph };
        let record = || {
            let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
            stream.begin_capture(mode)?;
            let ran = work.one_by_one();
            // The capture must end in any case, or the stream stays unusable.
            let graph = stream.end_capture(sys::CUgraphInstantiate_flags(0));
            let graph = ran.and(graph)?;
            graph.iter().try_for_each(CudaGraph::upload)?;
            Ok::<_, DriverError>(graph)
        };
        work.graph = match record() {
            Ok(Some(graph)) => Ok(Graph(graph)),
            Ok(None) => work.graph,
            Err(error) => Err(text(error)),
        };
        // What a refused capture left behind is no failure of the work.
        let _ = device.context().check_err();
        work
    }

    /// Puts everything on the stream.
    pub(super) fn run(&self) -> Result<(), DriverError> {
        match &self.graph {
            Ok(graph) => graph.0.launch(),
            Err(_) => self.one_by_one(),
        }
    }

    fn one_by_one(&self) -> Result<(), DriverError> {
        if let Some((at, bytes)) = self.clear {
            // SAFETY: the plan that made this work owns the memory.
            unsafe { result::memset_d8_async(at, 0, bytes, self.stream.cu_stream()) }?;
        }
        self.launches.iter().try_for_each(|l| l.run(&self.stream))
    }
}
