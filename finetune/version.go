package finetune

// Version is tl's version, written into settings and exported models.
const Version = "0.1.0"
