package module

// code is what the scan of all function bodies found. Calls and other places that must change are kept in one
// flat list, in file order, so that rewriting is a copy of what lies between them.
type code struct {
	bodies []body
	sites  []site
	locals uint64 // of all bodies

	tryTables int // of all bodies

	changesTable bool    // some instruction may change table 0
	atomics      [3]bool // uses of notify, wait32, wait64, by their code
	memory       [2]bool // uses of memory.size and memory.grow, where they are replaced
}

// body is one function: where its local declarations and instructions lie, and its part of the sites.
type body struct {
	localGroups uint32
	locals      span // the groups, without their count
	localCount  uint32
	end         int // of the instructions, which begin at locals.end
	sites       span
}

type siteKind uint8

const (
	siteFunction           siteKind = iota // a function index: call, return_call, ref.func
	siteCallIndirect                       // through table 0
	siteReturnCallIndirect                 // through table 0
	siteAtomic                             // notify or wait
	siteMemory                             // memory.size or memory.grow
)

// site is a place that may change.
type site struct {
	start, end uint32 // the whole instruction; for siteFunction the index alone
	kind       siteKind
	sub        uint8  // of siteAtomic and siteMemory
	value      uint32 // function index, type index or memory offset
}

func (s *source) parseCode(r *reader) {
	n := r.count("function bodies", 3, maxFunctions)
	s.code.bodies = make([]body, 0, n)
	s.code.sites = make([]site, 0, r.left()/24)
	if n > len(s.functionTypes) {
		r.failf("%d functions declared but %d bodies present", len(s.functionTypes), n)
		return
	}
	for i := 0; i < n && r.err == nil; i++ {
		at := r.pos
		size := r.u32()
		start := r.pos
		r.bytes(size)
		if r.err != nil {
			r.err.Reason = "function body: " + r.err.Reason
			return
		}
		inner := reader{b: r.b, pos: start, end: r.pos, section: r.section}
		b := s.body(&inner, i, at)
		if inner.err != nil {
			r.err = inner.err
			return
		}
		s.code.bodies = append(s.code.bodies, b)
	}
}

// body reads the function of that number among those defined, whose body takes all that the reader has.
func (s *source) body(r *reader, number, at int) body {
	b := body{end: r.end}
	groups := r.count("groups of locals", 2, maxLocals)
	b.localGroups = uint32(groups)
	b.locals.start = r.pos
	var locals uint64
	for j := 0; j < groups && r.err == nil; j++ {
		locals += uint64(r.u32())
		r.valueType()
	}
	b.locals.end = r.pos
	s.code.locals += locals
	if locals > maxLocals {
		r.failAt(at, "function %d declares %d locals, over the limit of %d", len(s.imports)+number, locals, maxLocals)
		return b
	}
	if limit := max(minTotalLocals, uint64(len(s.b))); s.code.locals > limit {
		r.failAt(at, "the functions declare more than %d locals", limit)
		return b
	}
	b.localCount = uint32(locals)
	b.sites.start = len(s.code.sites)
	sc := scanner{r: *r}
	s.scan(&sc)
	b.sites.end = len(s.code.sites)
	r.err = sc.r.err
	if r.err == nil && sc.in.op != opEnd {
		r.failAt(b.end, "function %d does not finish with end", len(s.imports)+number)
	}
	return b
}

// scan collects the sites of one body.
func (s *source) scan(sc *scanner) {
	c := &s.code
	in := &sc.in
	for sc.next() {
		switch in.op {
		case opCall, opReturnCall, opRefFunc:
			if in.index >= s.functionCount() {
				sc.r.failAt(in.start, "function index %d is out of range, there are %d functions", in.index,
					s.functionCount())
				return
			}
			c.sites = append(c.sites, site{uint32(in.start) + 1, uint32(in.end), siteFunction, 0, in.index})
		case opCallIndirect, opReturnCallIndirect:
			if int64(in.index) >= int64(len(s.types)) {
				sc.r.failAt(in.start, "type index %d is out of range, there are %d types", in.index, len(s.types))
				return
			}
			if in.table != 0 {
				continue
			}
			kind := siteCallIndirect
			if in.op == opReturnCallIndirect {
				kind = siteReturnCallIndirect
			}
			c.sites = append(c.sites, site{uint32(in.start), uint32(in.end), kind, 0, in.index})
		case opTryTable:
			if c.tryTables++; c.tryTables > maxTryTables {
				sc.r.failAt(in.start, "the functions have more than %d try_table instructions", maxTryTables)
				return
			}
		case opMemorySize, opMemoryGrow:
			if s.growing() {
				sub := in.op - opMemorySize
				c.memory[sub] = true
				c.sites = append(c.sites, site{uint32(in.start), uint32(in.end), siteMemory, uint8(sub), 0})
			}
		case opTableSet:
			c.changesTable = c.changesTable || in.index == 0
		case opMiscPrefix:
			switch in.sub {
			case miscTableInit, miscTableCopy:
				c.changesTable = c.changesTable || in.table == 0
			case miscTableGrow, miscTableFill:
				c.changesTable = c.changesTable || in.index == 0
			case miscMemoryInit, miscDataDrop:
				if int64(in.index) >= int64(len(s.data)) {
					sc.r.failAt(in.start, "data segment %d is out of range, there are %d", in.index, len(s.data))
					return
				}
			}
		case opAtomicPrefix:
			if in.sub <= atomicWait64 {
				c.atomics[in.sub] = true
				c.sites = append(c.sites, site{uint32(in.start), uint32(in.end), siteAtomic, uint8(in.sub), in.offset})
			}
		}
	}
}
