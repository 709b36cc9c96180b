package heads

// Averaged calls f while the network's parameters are their moving averages,
// for validation and export, and puts the trained ones back. Without
// TrainOptions.EMA, or before the first step, it just calls f. f must not call
// the Trainer.
//
// After step t (1 at the first) each average moves towards its parameter,
//
//	average = d·average + (1-d)·parameter,  d = min(EMA, (1+t)/(10+t))
//
// from the weights before the first step on: timm's ModelEmaV2, with the
// warm-up of TensorFlow's tf.train.ExponentialMovingAverage(num_updates),
// without which a short run would average little but its initial weights.
func (t *Trainer) Averaged(f func() error) error {
	averages := t.solver.State()["ema"]
	if averages == nil || t.at.step == 0 || t.away {
		return f()
	}
	t.swap(averages)
	defer t.swap(averages)
	return f()
}

// swap exchanges the parameters with their averages.
func (t *Trainer) swap(averages [][]float32) {
	t.away = !t.away
	for i, p := range t.head.Params() {
		for j, v := range averages[i] {
			averages[i][j], p.Data[j] = p.Data[j], v
		}
	}
}
