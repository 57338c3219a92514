//! Launches in an order that respects what they read, captured as one graph where the driver can.

use super::arguments::Address;
use super::device::{Device, Launch};
use super::error_text::text;
use cudarc::driver::{CudaEvent, CudaGraph, CudaStream, DriverError, result, sys};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

/// Launches on one stream one after the other, and the same as a graph, in which only those follow
/// one another that read each other's results.
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
    /// Captures `launches` on `stream`, after zeroing `clear`. A driver that captures no graphs is no
    /// failure.
    pub(super) fn capture(
        device: &Device,
        stream: &Arc<CudaStream>,
        clear: Option<(Address, usize)>,
        launches: Vec<Launch>,
    ) -> Result<Self, DriverError> {
        // One per launch and one for the beginning.
        let event = |_| device.context().new_event(None);
        let events = (0..=launches.len()).map(event).collect::<Result<Vec<_>, _>>()?;
        let graph = Err("nothing was captured".to_owned());
        let mut work = Self { stream: stream.clone(), clear, launches, graph };
        let record = || {
            let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
            stream.begin_capture(mode)?;
            let ran = work.in_branches(device, &events);
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
        if let Err(why) = &work.graph {
            device.without_graphs(why);
        }
        // What a refused capture left behind is not a failure of the work.
        let _ = device.context().check_err();
        Ok(work)
    }

    /// Puts everything on the stream.
    pub(super) fn run(&self) -> Result<(), DriverError> {
        match &self.graph {
            Ok(graph) => graph.0.launch(),
            Err(_) => self.one_by_one(),
        }
    }

    fn one_by_one(&self) -> Result<(), DriverError> {
        self.clear()?;
        self.launches.iter().try_for_each(|l| l.run(&self.stream))
    }

    fn clear(&self) -> Result<(), DriverError> {
        let Some((at, bytes)) = self.clear else { return Ok(()) };
        // SAFETY: the plan that made this work owns the memory.
        unsafe { result::memset_d8_async(at, 0, bytes, self.stream.cu_stream()) }
    }

    /// The same on several streams, between which events order what has to be ordered.
    fn in_branches(&self, device: &Device, events: &[CudaEvent]) -> Result<(), DriverError> {
        let Some((beginning, events)) = events.split_first() else { return Ok(()) };
        let streams: Vec<&CudaStream> =
            [&self.stream].into_iter().chain(&device.branches).map(AsRef::as_ref).collect();
        // The last launch of every branch.
        let mut ends: Vec<Option<usize>> = vec![None; streams.len()];
        self.clear()?;
        beginning.record(streams[0])?;
        for (i, launch) in self.launches.iter().enumerate() {
            let continued =
                |end: &Option<usize>| end.is_some_and(|end| launch.after.contains(&end));
            let branch = (ends.iter().position(continued))
                .or_else(|| ends.iter().position(Option::is_none))
                .unwrap_or(i % streams.len());
            if branch > 0 && ends[branch].is_none() {
                streams[branch].wait(beginning)?;
            }
            for before in launch.after.iter().filter(|before| ends[branch] != Some(**before)) {
                streams[branch].wait(&events[*before])?;
            }
            launch.run(streams[branch])?;
            events[i].record(streams[branch])?;
            ends[branch] = Some(i);
        }
        // The graph ends when all branches have.
        ends.iter().skip(1).flatten().try_for_each(|end| streams[0].wait(&events[*end]))
    }
}

/// The work of a key, captured on the work stream when it is first asked for.
pub(super) fn captured<'a, K: Eq + Hash>(
    all: &'a mut HashMap<K, Work>,
    key: K,
    device: &Device,
    launches: impl FnOnce() -> Vec<Launch>,
) -> Result<&'a Work, DriverError> {
    Ok(match all.entry(key) {
        Entry::Occupied(work) => work.into_mut(),
        Entry::Vacant(free) => free.insert(Work::capture(device, &device.work, None, launches())?),
    })
}
