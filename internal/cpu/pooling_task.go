package cpu

// poolTask runs one pooling function; a piece is one plane of one image.
type poolTask struct {
	k            *kernels
	s            PoolShape
	f            func(t *poolTask, w *worker, i int)
	y, x, dy, dx []float32
	countPad     bool
}

func (t *poolTask) run(d *Device) {
	t.k = d.k
	d.team.run(t.s.N*t.s.C, t)
	*t = poolTask{}
}

func (t *poolTask) piece(w *worker, i int) { t.f(t, w, i) }

// in and out are plane i of an array of the input's or the output's shape.
func (t *poolTask) in(x []float32, i int) []float32  { return x[i*t.s.H*t.s.W:][:t.s.H*t.s.W] }
func (t *poolTask) out(y []float32, i int) []float32 { return y[i*t.s.OH*t.s.OW:][:t.s.OH*t.s.OW] }
