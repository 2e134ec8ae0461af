"""Many calls at once, in a bounded window.

    calls     AsyncMap, the public iterator over the results, and `map_calls`, which checks the options and makes one
    window    Window: the calls in flight, the results that wait to be taken, and what ends a map early
    options   the options of a map: one list, for every method that has a `map`
    result    how one call of a map ended, and the error of a map that is halted

The one rule: the number of calls is bounded. A window starts a task only when there is room for it, and keeps a result
only inside the same bound, so memory does not grow with the input.

To add an option, write it into `options.MapOptions`, read it in `Window`, and add it to the signatures of
`AsyncClient.map` and `chat.completions.map`, where it is documented. To add a reason for which a map stops, write it as
arithmetic in `_policy` (as `spending` and `probing` are) and ask it in `Window`.
"""
