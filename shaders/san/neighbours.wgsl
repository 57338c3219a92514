// Which threads are in one subgroup: each writes the index of the first thread of its subgroup.

@group(0) @binding(0) var<storage, read_write> result: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32) {
    result[thread] = subgroupBroadcastFirst(thread);
}
