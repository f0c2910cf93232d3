"""What every benchmark needs: servers as processes, load, figures and bars."""
