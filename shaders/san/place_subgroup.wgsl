// Where a thread reads weights, if all threads of a subgroup read the same (the subgroup has at most
// SHARING threads). Compilers cannot know that from the thread's index. With it, those for AMD and
// Intel can load a matrix once for the subgroup, in scalar registers, instead of once for each thread.

fn place_of(matrix: u32) -> u32 {
    return subgroupBroadcastFirst(matrix);
}
