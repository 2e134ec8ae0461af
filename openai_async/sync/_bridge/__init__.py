"""What the generated synchronous client stands on: an event loop in a thread, and proxies of asynchronous objects.

    portal          Portal: the event loop of the process, in a daemon thread
    call, caller    one call of a thread to that loop; the warning of a thread that has a running loop itself
    wakeup          how a thread and a loop wake each other (eventfd, locks, pipes)
    green_threads   the same under gevent and eventlet
    proxies         Proxy, the base of every generated class; PortalHandle, a client's hold on the portal
    connections     proxies of what holds a connection; `streams`, `downloads` and `maps` are those of one kind
    iterators       asynchronous iterators and context managers, kept open on the loop for a thread
    generic         proxies of the resources that the table of operations alone defines
    arguments       arguments of a thread as a task takes them: iterables, callables, events

The one rule: asynchronous objects are touched on the loop only, except through what a docstring calls safe from any
thread. A finalizer therefore posts its work to the loop.

Glossary. Portal: the loop with its thread. Portal handle: a client's claim to it. Proxy: a synchronous object in place
of an asynchronous one. Synchronous class, synchronous module: what the generator writes for an asynchronous one.

To give an asynchronous class a proxy with behavior of its own, write the base class here and name it in `BASES` of
`_codegen/sync_table`. To accept another kind of argument, add its converter to `arguments` and to `PARAMETERS` there.
"""
